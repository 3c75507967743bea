"""Timing of TensorFlow computations."""

import time
from collections.abc import Callable

import tensorflow as tf


def timed(act: Callable[[], tf.Tensor]) -> float:
    """Returns the seconds that act() takes until its result is there."""
    started = time.perf_counter()
    tf.nest.map_structure(lambda tensor: tensor.numpy(), act())
    return time.perf_counter() - started
