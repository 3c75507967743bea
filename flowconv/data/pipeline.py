"""Batches of one rank, from an array of images that every rank sees whole.

Each stream is one gather from the (memory-mapped) array per batch, and a pure function of its arguments:
to resume is to start elsewhere, and the ranks' batches are the slices of one global batch.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf


def training_batches(
    pixels: np.ndarray, *, batch_size: int, seed: int, start: int, rank: int, world_size: int
) -> "tf.data.Dataset":
    """The endless training stream of one rank.

    The global stream has positions 0, 1, 2, ...; position p holds image permutation(seed, p // N)[p % N] of
    the N images. A global batch is `world_size * batch_size` consecutive positions, and a rank gets its
    contiguous slice of it. Batches run across the borders of epochs.

    Args:
        pixels: uint8 [N, H, W, 3], N > 0.
        batch_size: images per rank.
        seed: of the permutations.
        start: the first position of the first global batch: the number of positions already seen.
        rank, world_size: of this process.

    Returns:
        A dataset of (images uint8 [batch_size, H, W, 3], first int64 []), where `first` is the position of
        the first image. Whatever else is random about an image may be drawn from (seed, its position).
    """

    def batch(step: np.int64) -> tuple[np.ndarray, np.int64]:
        first = start + (step * world_size + rank) * batch_size
        return pixels[_images_at(first, batch_size, seed, len(pixels))], np.int64(first)

    return _batches(batch, None, [(batch_size, *pixels.shape[1:]), ()])


def evaluation_batches(pixels: np.ndarray, *, batch_size: int, rank: int, world_size: int) -> "tf.data.Dataset":
    """One rank's part of a split, in order: over all ranks each image comes exactly once.

    A rank's part is a contiguous block; the blocks' lengths differ by one at most, so some may be empty. The last
    batch is filled up with black images.

    Args:
        pixels: uint8 [N, H, W, 3].
        batch_size: images per batch.
        rank, world_size: of this process.

    Returns:
        A finite dataset of (images uint8 [batch_size, H, W, 3], first int64 [], count int64 []), where `first` is
        the index of the first image in the split and `count` the number of images that are not filling.
    """
    begin, end = (len(pixels) * r // world_size for r in (rank, rank + 1))

    def batch(step: np.int64) -> tuple[np.ndarray, np.int64, np.int64]:
        first = begin + step * batch_size
        count = min(batch_size, end - first)
        images = np.zeros((batch_size, *pixels.shape[1:]), np.uint8)
        images[:count] = pixels[first : first + count]
        return images, np.int64(first), np.int64(count)

    return _batches(batch, -(-(end - begin) // batch_size), [(batch_size, *pixels.shape[1:]), (), ()])


def _images_at(first: int, count: int, seed: int, size: int) -> np.ndarray:
    """The indices, int64 [count], of the images at `count` positions from `first` on."""
    positions = np.arange(first, first + count)
    epochs = positions // size
    indices = np.empty(count, np.int64)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        indices[here] = _permutation(seed, int(epoch), size)[positions[here] % size]
    return indices


@lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, size: int) -> np.ndarray:
    """The order of an epoch, int64 [size]."""
    key = np.array([seed % 2**64, epoch], np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).permutation(size)


def _batches(batch: Callable, steps: int | None, shapes: list[tuple[int, ...]]) -> "tf.data.Dataset":
    """batch(0), batch(1), ...: uint8 images and then int64 numbers, of static `shapes`; endless if `steps` is None."""
    import tensorflow as tf

    types = [tf.uint8] + [tf.int64] * (len(shapes) - 1)

    def tensors(step: tf.Tensor) -> tuple[tf.Tensor, ...]:
        values = tf.numpy_function(batch, [step], types, stateful=False)
        return tuple(tf.ensure_shape(value, shape) for value, shape in zip(values, shapes, strict=True))

    counter = tf.data.Dataset.counter() if steps is None else tf.data.Dataset.range(steps)
    return counter.map(tensors).prefetch(4)
