"""Derivatives of what is defined by an equation: the implicit function theorem."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from flowconv.ops.custom_gradient import custom_gradient


def implicit(
    function: Callable[..., tuple[tf.Tensor, tf.Tensor]], x: tf.Tensor, y: tf.Tensor, *parameters: tf.Tensor
) -> tf.Tensor:
    """Returns x, which solves function(x, *parameters) = y, with its derivatives by y and by the parameters.

    dx = (dy − ∂f/∂θ·dθ) / (∂f/∂x), whatever x was computed by. Derivatives of any order are right.

    Args:
      function: returns f(x, *parameters), of single numbers, and log ∂f/∂x; uses nothing else that has a gradient.
      x: the solution, a constant.
      y: the values.
      parameters: of the function.
    """

    @custom_gradient
    def solution(y: tf.Tensor, *parameters: tf.Tensor) -> Any:
        def gradient(dx: tf.Tensor) -> tuple[tf.Tensor, ...]:
            # In a loop's gradient they are tensors of another graph, which a tape follows only if they are new to it.
            own = [tf.identity(parameter) for parameter in parameters]
            root = implicit(function, x, y, *own)  # not x: these derivatives may be differentiated, too
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(own)
                value, log_slope = function(root, *own)
            dy = dx * tf.exp(-log_slope)
            return dy, *tape.gradient(value, own, -dy, unconnected_gradients="zero")

        return tf.identity(x), gradient

    return solution(y, *parameters)
