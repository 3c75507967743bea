"""`tf.custom_gradient` without its leak."""

import functools
import weakref
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.ops import gradient_registry


def custom_gradient(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates a function that returns its result and its gradient, as `tf.custom_gradient` does.

    `tf.custom_gradient` alone would be simpler. But it puts the gradient of each call in a graph into a table that
    lasts as long as the process, and with it the graph: some 40 MB for each model that is built and traced. Here the
    gradient belongs to its graph; the table knows the graph by a weak reference, and forgets it when it is freed.

    Args:
      function: takes tensors; returns a result, and a function from gradients of it to gradients of the tensors.

    Example:
      >>> @custom_gradient
      ... def clipped(x):
      ...     return tf.minimum(x, 1.0), lambda dy: dy
      >>> x = tf.constant(2.0)
      >>> with tf.GradientTape() as tape:
      ...     tape.watch(x)
      ...     y = clipped(x)
      >>> float(tape.gradient(y, x))
      1.0
    """
    registered = tf.custom_gradient(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        result = registered(*args, **kwargs)
        if not tf.executing_eagerly():
            _give_to_graph(tf.nest.flatten(result)[0])
        return result

    return call


def _give_to_graph(result: tf.Tensor) -> None:
    """Has the graph of a result of `tf.custom_gradient` own the gradient, in the table's place."""
    name, graph, table = result.op.get_attr("_gradient_op_type").decode(), result.graph, gradient_registry._registry
    if not hasattr(graph, "_custom_gradients"):
        graph._custom_gradients = {}
    graph._custom_gradients[name] = table[name]["type"]
    of_graph = weakref.ref(graph)

    def gradient(op: tf.Operation, *gradients: tf.Tensor) -> list[tf.Tensor | None]:
        alive: Any = of_graph()
        return alive._custom_gradients[name](op, *gradients)

    table[name]["type"] = gradient
    weakref.finalize(graph, table.pop, name, None).atexit = False
