"""Roots of increasing functions of single numbers, by bisection."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

STEPS = {tf.float32: 28, tf.float64: 60}  # halvings: the digits of a number, and more for a bracket that is far wider


def bisect(function: Callable[[tf.Tensor], tf.Tensor], y: tf.Tensor, low: tf.Tensor, high: tf.Tensor) -> tf.Tensor:
    """Returns x with function(x) = y, number by number; it has no gradient (see `flowconv.ops.implicit`).

    The number of steps is fixed by the dtype, so that XLA takes it, and all images of a batch end at once.

    Args:
      function: of tensors of the shape of y, increasing in each number.
      y: its values.
      low: where it is y at most.
      high: where it is y at least.
    """

    def halve(number: tf.Tensor, low: tf.Tensor, high: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        middle = low + 0.5 * (high - low)
        is_below = function(middle) < y
        return number + 1, tf.where(is_below, middle, low), tf.where(is_below, high, middle)

    steps = STEPS[y.dtype]
    start = tf.constant(0), tf.stop_gradient(low), tf.stop_gradient(high)
    _, low, high = tf.while_loop(lambda number, *_: number < steps, halve, start, maximum_iterations=steps)
    return tf.stop_gradient(low + 0.5 * (high - low))


def refine(function: Callable[[tf.Tensor], tf.Tensor], log_slope: tf.Tensor, y: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Returns roots of function(x) = y that rounding has moved by some units, number by number, without a gradient.

    Of x, two steps of Newton's from it, and the numbers beside the last one, each has the one whose value is nearest to
    y. What isn't finite is never taken.

    Args:
      function: of tensors of the shape of y.
      log_slope: log f′(x).
      y: its values.
      x: the roots, nearly.
    """
    step, beside = tf.exp(-log_slope), np.finfo(y.dtype.as_numpy_dtype).eps
    value = function(x)
    error = tf.abs(value - y)

    def choose(root: tf.Tensor) -> tf.Tensor:
        nonlocal x, error
        value = function(root)
        is_nearer = tf.abs(value - y) < error  # (false for NaN)
        x, error = tf.where(is_nearer, root, x), tf.where(is_nearer, tf.abs(value - y), error)
        return value

    first = x - (value - y) * step
    second = first - (choose(first) - y) * step
    for root in (second, second * (1.0 + beside), second * (1.0 - beside)):
        choose(root)
    return tf.stop_gradient(x)
