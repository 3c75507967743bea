"""Batches of one rank, from the examples of a split that every rank sees whole.

Examples are a dict of arrays, "image" uint8 [N, H, W, C] and, where images have labels, "label" int32 [N]. A batch is a
dict of tensors:

    image     uint8 [batch_size, H, W, C]
    label     int32 [batch_size], where examples have it
    position  int64 [], the number of the first image in the stream, or in the split
    count     int64 [], in an evaluation alone: the images that are not filling

Each stream is one gather from the (memory-mapped) arrays per batch, and a pure function of its arguments:
to resume is to start elsewhere, and the ranks' batches are the slices of one global batch.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from flowconv.data.tuning import untuned

if TYPE_CHECKING:
    import tensorflow as tf

Examples = Mapping[str, np.ndarray]
Batch = dict[str, np.ndarray | np.int64]


def training_batches(
    examples: Examples,
    *,
    batch_size: int,
    seed: int,
    start: int,
    rank: int,
    world_size: int,
) -> "tf.data.Dataset":
    """The endless training stream of one rank.

    The global stream has positions 0, 1, 2, ...; position p holds image permutation(seed, p // N)[p % N] of
    the N images. A global batch is `world_size * batch_size` consecutive positions, and a rank gets its
    contiguous slice of it. Batches run across the borders of epochs.

    Args:
        examples: as above, N > 0.
        batch_size: images per rank.
        seed: of the permutations.
        start: the first position of the first global batch: the number of positions already seen.
        rank, world_size: of this process.

    Returns:
        A dataset of batches, as above. Whatever else is random about an image may be drawn from (seed, its position).
    """
    count = len(examples["image"])

    def batch(step: np.int64) -> Batch:
        first = start + (step * world_size + rank) * batch_size
        indices = _images_at(first, batch_size, seed, count)
        return {name: array[indices] for name, array in examples.items()} | {"position": np.int64(first)}

    return _batches(batch, None, examples, batch_size, ("position",))


def evaluation_batches(examples: Examples, *, batch_size: int, rank: int, world_size: int) -> "tf.data.Dataset":
    """One rank's part of a split, in order: over all ranks each image comes exactly once.

    A rank's part is a contiguous block; the blocks' lengths differ by one at most, so some may be empty. The last
    batch is filled up with black images of label 0.

    Args:
        examples: as above.
        batch_size: images per batch.
        rank, world_size: of this process.

    Returns:
        A finite dataset of batches, as above.
    """
    begin, end = (len(examples["image"]) * r // world_size for r in (rank, rank + 1))

    def batch(step: np.int64) -> Batch:
        first = begin + step * batch_size
        count = min(batch_size, end - first)
        filled = {name: np.zeros((batch_size, *array.shape[1:]), array.dtype) for name, array in examples.items()}
        for name, array in examples.items():
            filled[name][:count] = array[first : first + count]
        return filled | {"position": np.int64(first), "count": np.int64(count)}

    return _batches(batch, -(-(end - begin) // batch_size), examples, batch_size, ("position", "count"))


def first_of(examples: Mapping[str, Any], count: int) -> dict[str, Any]:
    """The first `count` of examples, or of a batch without its numbers."""
    return {name: array[:count] for name, array in examples.items() if len(array.shape) > 0}


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


def _batches(
    batch: Callable[[np.int64], Batch],
    steps: int | None,
    examples: Examples,
    batch_size: int,
    numbers: tuple[str, ...],
) -> "tf.data.Dataset":
    """batch(0), batch(1), ..., of static shapes: a part of the examples, and numbers; endless without `steps`."""
    import tensorflow as tf

    specs = {name: tf.TensorSpec((batch_size, *array.shape[1:]), array.dtype) for name, array in examples.items()}
    specs |= {name: tf.TensorSpec((), tf.int64) for name in numbers}

    def tensors(step: tf.Tensor) -> dict[str, tf.Tensor]:
        types = [spec.dtype for spec in specs.values()]
        values = tf.numpy_function(lambda step: [batch(step)[name] for name in specs], [step], types, stateful=False)
        return {name: tf.ensure_shape(value, specs[name].shape) for name, value in zip(specs, values, strict=True)}

    counter = tf.data.Dataset.counter() if steps is None else tf.data.Dataset.range(steps)
    return untuned(counter.map(tensors).prefetch(4))
