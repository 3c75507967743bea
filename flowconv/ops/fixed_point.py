"""Fixed points x = f(x) of maps under which numbers depend on one another in an order: by iteration, in parallel."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from flowconv.ops.custom_gradient import custom_gradient

TOLERANCE = {tf.float32: 1e-6, tf.float64: 1e-14}  # of a change, by the size of the largest number of an example


def stays(x: tf.Tensor, y: tf.Tensor, tolerance: float) -> tf.Tensor:
    """Whether an example y is where x was, `[B, 1, …]`: its change by the largest number of y, if that is above 1."""
    axes = list(range(1, x.shape.rank))
    change = tf.reduce_max(tf.abs(y - x), axes, keepdims=True)
    size = tf.maximum(tf.reduce_max(tf.abs(y), axes, keepdims=True), 1.0)
    return change <= tolerance * size  # (false for NaN)


def iterate(
    function: Callable[[tf.Tensor], tf.Tensor], start: tf.Tensor, steps: int, tolerance: float | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns x = function(x), and how often the function was applied to find it (Jacobi's iteration).

    Where no chain of numbers, each of which depends on the one before, is longer than `steps`, that many applications
    give the exact solution, whatever `start` is. They may give anything on the way. An example ends as soon as it stays
    where it is, and is then left alone: its result doesn't depend on the others of its batch. It has no gradient.

    Args:
      function: of tensors of the shape of `start`, `[B, …]`; an example's result depends on this example alone.
      start: where to begin.
      steps: the limit.
      tolerance: the largest change of an example that counts as none, relative to its largest number if that is
        above 1 (default: some units of the dtype's precision).
    """
    tolerance = TOLERANCE[start.dtype] if tolerance is None else tolerance

    def is_open(number: tf.Tensor, x: tf.Tensor, done: tf.Tensor) -> tf.Tensor:
        return (number < steps) & ~tf.reduce_all(done)

    def apply(number: tf.Tensor, x: tf.Tensor, done: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        y = function(x)
        return number + 1, tf.ensure_shape(tf.where(done, x, y), x.shape), done | stays(x, y, tolerance)

    start = tf.stop_gradient(start)
    done = tf.zeros_like(stays(start, start, tolerance))
    number, x, _ = tf.while_loop(is_open, apply, (tf.constant(0), start, done), maximum_iterations=steps)
    return tf.stop_gradient(x), number


def fixed_point(
    function: Callable[..., tf.Tensor], solution: tf.Tensor, steps: int, *parameters: tf.Tensor
) -> tf.Tensor:
    """Returns a solution of x = function(x, *parameters) with its derivatives by the parameters.

    They are those of the implicit function theorem: dx = ∂f/∂x·dx + ∂f/∂θ·dθ. The gradient v = dx + (∂f/∂x)ᵀ·v is a
    fixed point itself, with chains that are as long, and found in the same way. So derivatives of any order are right.

    Args:
      function: of x and the parameters; uses nothing else that has a gradient.
      solution: x, however it was found.
      steps: of `iterate`.
      parameters: of the function; those that aren't floats have no gradient.
    """
    solution = tf.stop_gradient(solution)
    is_float = [parameter.dtype.is_floating for parameter in parameters]

    @custom_gradient
    def solved(*parameters: tf.Tensor) -> Any:
        def gradient(dx: tf.Tensor) -> list[tf.Tensor | None]:
            # In a loop's gradient they are tensors of another graph, which a tape follows only if they are new to it.
            own = [tf.identity(parameter) for parameter in parameters]
            x = fixed_point(function, solution, steps, *own)  # not it: these derivatives may be differentiated, too

            def adjoint(v: tf.Tensor, dx: tf.Tensor, x: tf.Tensor, *parameters: tf.Tensor) -> tf.Tensor:
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch(x)
                    y = function(x, *parameters)
                along = tape.gradient(y, x, v, unconnected_gradients="zero")
                return dx + along

            given = (dx, x, *own)
            v, _ = iterate(lambda v: adjoint(v, *given), dx, steps)
            v = fixed_point(adjoint, v, steps, *given)
            floats = [parameter for parameter, kept in zip(own, is_float, strict=True) if kept]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(floats)
                y = function(x, *own)
            found = iter(tape.gradient(y, floats, v, unconnected_gradients="zero"))
            return [next(found) if kept else None for kept in is_float]

        return tf.identity(solution), gradient

    return solved(*parameters)
