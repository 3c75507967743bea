"""A batch in parts, one for each core, that are computed at the same time.

Where every operation has one thread, operations of different parts fill the cores. That is faster than operations with
several threads each: nobody waits within an operation, and what a core made it finds in its own cache.
"""

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar

import numpy as np
import tensorflow as tf
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

from flowconv.bijectors.context import as_now, within

_of_all_parts: ContextVar[dict | None] = ContextVar("of_all_parts", default=None)
_whole: ContextVar[bool] = ContextVar("whole", default=False)


def by_xla() -> bool:
    """Whether what is traced is for XLA: within `whole_batches`, or a `tf.function(jit_compile=True)`."""
    return _whole.get() or _in_xla_context()


def _in_xla_context() -> bool:
    # TensorFlow has no public way to ask.
    return not tf.executing_eagerly() and GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


def on_cores() -> bool:
    """Whether TensorFlow's kernels for CPUs compute, not a GPU's or a program of XLA's."""
    return not by_xla() and not tf.config.get_visible_devices("GPU")


def parts_of(images: int | None) -> int:
    """Returns how many parts a batch of so many images has: one for each operation that may run at the same time.

    One, where operations have more than one thread (TensorFlow's default), or the batch isn't known.
    """
    threading = tf.config.threading
    if not on_cores() or images is None or threading.get_intra_op_parallelism_threads() != 1:
        return 1
    return max(1, min(images, threading.get_inter_op_parallelism_threads()))


def whole_batches() -> AbstractContextManager:
    """Within it, or in a function that it decorates, a batch has one part: for XLA, whose programs have no threads."""
    return within(_whole, True)


def for_same_device(gradient: Callable) -> Callable:
    """Returns a function that computes a gradient, wherever that is traced, for what the present function is for."""
    with within(_whole, by_xla()):
        return as_now(gradient, _whole)


def traced(function: Callable, jit_compile: bool) -> Callable:
    """Returns the `tf.function` of a function of batches, compiled by XLA or not."""
    return tf.function(whole_batches()(function) if jit_compile else function, autograph=False, jit_compile=jit_compile)


def split(batch: tf.Tensor) -> list[tf.Tensor]:
    """Returns the parts of a batch `[B, …]`."""
    count = parts_of(batch.shape[0])
    if count == 1:
        return [batch]
    return tf.split(batch, [len(part) for part in np.array_split(np.arange(batch.shape[0]), count)])


def joined(parts: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the batch of these parts."""
    return parts[0] if len(parts) == 1 else tf.concat(parts, axis=0)


def sharing() -> AbstractContextManager:
    """Within it, what `shared` methods return is computed once, for all parts."""
    return within(_of_all_parts, {})


def shared(method: Callable) -> Callable:
    """Makes a method of a layer, without arguments, one whose result the parts of a batch share: it sees weights alone.

    Outside `sharing` it is as it was: a gradient that is taken part by part needs a result for each.
    """

    @functools.wraps(method)
    def once(self):
        results, key = _of_all_parts.get(), (self, method)
        if results is None:
            return method(self)
        if key not in results:
            results[key] = method(self)
        return results[key]

    return once
