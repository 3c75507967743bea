"""Samples, as arrays and as files."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from flowconv.core.guidance import Guidance
from flowconv.evaluation import pictures
from flowconv.models import Flow
from flowconv.utils.progress_bar import progress
from flowconv.words import counted


def sample(
    flow: Flow,
    count: int,
    temperature: float,
    seed: int,
    condition: np.ndarray | None = None,
    batch_size: int = 64,
    guidance: Guidance | None = None,
    denoised: float = 0.0,
) -> np.ndarray:
    """Returns samples, uint8 `[count, H, W, C]`: the same for the same seed and batch size.

    Args:
      flow: the model.
      count: how many.
      temperature, seed: as of `Flow.sample`.
      condition: `[count, …]`, of a conditional flow.
      batch_size: drawn at a time.
      guidance: as of `Flow.sample`.
      denoised: the deviation of the noise that is taken out of samples; 0: none is.
    """

    @tf.function(autograph=False)
    def draw(seed, condition):
        x = flow.sample(batch_size, temperature, seed, condition, guidance)
        return flow.denoise(x, denoised, condition) if denoised else x

    seeds = np.random.SeedSequence(seed).generate_state(-(-count // batch_size)) >> 1  # within int32
    images, finite = [], []
    given: list = [None] * len(seeds)
    if condition is not None:
        filled = np.resize(condition, (len(seeds) * batch_size, *condition.shape[1:]))
        given = [tf.constant(part) for part in np.split(filled, len(seeds))]
    turns = zip(seeds, given, strict=True)
    for each, part in progress(turns, len(seeds), "sampling", "batches"):
        x = draw(tf.constant(int(each), tf.int32), part)
        images.append(flow.to_images(x).numpy())
        finite.append(pictures.finite_images(x))
    pictures.warn_of(int(np.sum(~np.concatenate(finite)[:count])), count)
    return np.concatenate(images)[:count]


def save(images: np.ndarray, folder: Path, name: str, single: bool, columns: int | None = None) -> str:
    """Writes uint8 images to folder/name.png, or to files in folder/name/; returns a line that says so."""
    if not single:
        pictures.save(folder / f"{name}.png", pictures.grid(images, columns), least_side=512)
        return f"{folder / name}.png"
    for number, image in enumerate(images):
        pictures.save(folder / name / f"{number:06}.png", image, least_side=1)
    return f"{folder / name}/: {counted(len(images), 'image')}"
