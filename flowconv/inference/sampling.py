"""Samples, as arrays and as files."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from flowconv.evaluation import pictures
from flowconv.models import Flow
from flowconv.utils.progress_bar import progress
from flowconv.words import counted


def sample(flow: Flow, count: int, temperature: float, seed: int, batch_size: int = 64) -> np.ndarray:
    """Returns samples, uint8 `[count, H, W, C]`: the same for the same seed and batch size."""
    draw = tf.function(lambda seed: flow.sample(batch_size, temperature, seed), autograph=False, reduce_retracing=True)
    seeds = np.random.SeedSequence(seed).generate_state(-(-count // batch_size)) >> 1  # within int32
    images, finite = [], []
    for each in progress(seeds, len(seeds), "sampling", "batches"):
        x = draw(tf.constant(int(each), tf.int32))
        images.append(flow.to_images(x).numpy())
        finite.append(pictures.finite_images(x))
    pictures.warn_of(int(np.sum(~np.concatenate(finite)[:count])), count)
    return np.concatenate(images)[:count]


def save(images: np.ndarray, folder: Path, name: str, single: bool) -> str:
    """Writes uint8 images to folder/name.png, or to files in folder/name/; returns a line that says so."""
    if not single:
        pictures.save(folder / f"{name}.png", pictures.grid(images), least_side=512)
        return f"{folder / name}.png"
    for number, image in enumerate(images):
        pictures.save(folder / name / f"{number:06}.png", image, least_side=1)
    return f"{folder / name}/: {counted(len(images), 'image')}"
