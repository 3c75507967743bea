"""Roots of increasing functions of single numbers, by bisection."""

from collections.abc import Callable

import tensorflow as tf

STEPS = {tf.float32: 32, tf.float64: 64}  # halvings: the digits of a number, and more for a bracket that is far wider


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
