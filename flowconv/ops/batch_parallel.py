"""A batch in slices, one for each core, that are computed at the same time.

Single-threaded operations on several slices are faster than operations with several threads each. There is no
synchronization inside an operation, and each core finds in its own cache what it made.
"""

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from flowconv.ops.backends import runs_on_cpu


def num_slices(images: int | None) -> int:
    """Returns how many slices a batch of so many images has: one for each operation that may run at the same time.

    One, where operations have more than one thread (TensorFlow's default), or the batch isn't known.
    """
    threading = tf.config.threading
    if not runs_on_cpu() or images is None or threading.get_intra_op_parallelism_threads() != 1:
        return 1
    return max(1, min(images, threading.get_inter_op_parallelism_threads()))


def slice_sizes(images: int | None, count: int) -> list[int | None]:
    """Returns the lengths of `count` slices of a batch; they differ by one image at most."""
    return [images] if count == 1 else [len(part) for part in np.array_split(np.arange(images), count)]


def split_batch(batch: tf.Tensor, sizes: Sequence[int | None]) -> list[tf.Tensor]:
    """Returns the slices of a batch `[B, …]`."""
    return [batch] if len(sizes) == 1 else tf.split(batch, list(sizes))


def concat_batch(slices: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the batch of these slices."""
    return slices[0] if len(slices) == 1 else tf.concat(slices, axis=0)


def share_weights(inputs: Sequence[Any]) -> list[Any]:
    """Returns the `Inputs` of slices of a batch, with one memo for what depends on weights alone.

    The gradient of a loop keeps such intermediate results, for each slice its own otherwise. Where slices are
    differentiated one by one there is no memo: each tape must see what it differentiates.
    """
    memo: dict[Hashable, Any] = {}
    return [dataclasses.replace(each, memo=memo) for each in inputs] if len(inputs) > 1 else list(inputs)


def map_traced_once(function: Callable[..., Any], slices: Sequence[Sequence[Any]]) -> list[Any]:
    """Returns function(*arguments) for the arguments of each slice, which are nests of tensors.

    Slices of one shape are traced once. Plain calls would be simpler, and run as fast, since TensorFlow inlines the
    function; but tracing is most of the time in which a training step is built.
    """
    if len(slices) > 1 and not tf.executing_eagerly():
        function = tf.function(function, autograph=False)
    return [function(*arguments) for arguments in slices]


def map_slices(function: Callable[[tf.Tensor], tf.Tensor], batch: tf.Tensor) -> tf.Tensor:
    """Returns what `function` makes of a batch, computed slice by slice at the same time."""
    sizes = slice_sizes(batch.shape[0], num_slices(batch.shape[0]))
    return concat_batch([function(part) for part in split_batch(batch, sizes)])
