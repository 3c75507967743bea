"""Samples, as arrays and as files."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from flowconv.core.guidance import Guidance
from flowconv.evaluation import pictures
from flowconv.evaluation.sheets import Sheet, about_square, sheet_of_rows
from flowconv.inference.conditions import Asked
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

    Example:
      >>> from flowconv import models
      >>> from flowconv.inference.sampling import sample
      >>> flow = models.nice_original((4, 4, 1), depth=2, width=8, network="mlp", preprocessing="centre")
      >>> drawn = flow.reset_weights(seed=0)
      >>> images = sample(flow, 3, temperature=0.7, seed=0, batch_size=3)
      >>> images.shape, images.dtype.name
      ((3, 4, 4, 1), 'uint8')
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


def save(images: np.ndarray, folder: Path, name: str, facts: Mapping[str, object]) -> str:
    """Writes uint8 images to files in folder/name/, which say these facts; returns a line that says so."""
    for number, image in enumerate(images):
        pictures.save(folder / name / f"{number:06}.png", image, {**facts, "number": number}, least_side=1)
    return f"{folder / name}/: {counted(len(images), 'image')}"


def sheet_of(images: np.ndarray, asked: Asked, title: str) -> Sheet:
    """Returns samples in rows and columns; those beside which others shall stand, between these."""
    if asked.rows:
        return sheet_of_rows(images, asked.columns or 1, title, asked.rows)
    if asked.beside is None:
        return Sheet(images, asked.columns or about_square(len(images)), title)
    three = np.stack((asked.beside[:, 0], images, asked.beside[:, 1]), axis=1).reshape(-1, *images.shape[1:])
    columns = asked.columns or 3
    return Sheet(three, columns, title, headings=("given", "sample", "original") * (columns // 3))
