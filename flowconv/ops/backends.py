"""The backend that computes: TensorFlow's kernels for CPUs, a GPU's, or a program of XLA's."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf
from tensorflow.python.ops.control_flow_ops import XLAControlFlowContext


def compiles_with_xla() -> bool:
    """Returns whether the graph that is being traced becomes a program of XLA's."""
    # TensorFlow marks what it traces for jit_compile by a control flow context, and has no public way to ask.
    return not tf.executing_eagerly() and tf.__internal__.get_enclosing_xla_context() is not None


def runs_on_cpu() -> bool:
    """Returns whether TensorFlow's kernels for CPUs compute, rather than a GPU's or a program of XLA's."""
    return not compiles_with_xla() and not tf.config.get_visible_devices("GPU")


def compile_fn(function: Callable[..., Any], jit_compile: bool) -> tf.types.experimental.PolymorphicFunction:
    """Returns the `tf.function` of a function, compiled by XLA or not."""
    return tf.function(function, autograph=False, jit_compile=jit_compile)


def on_same_backend(gradient: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function that computes a gradient for the backend of the present forward pass.

    A tape outside of a compiled function traces the function's gradient in a graph without TensorFlow's mark.
    """
    if not compiles_with_xla():
        return gradient

    @functools.wraps(gradient)
    def marked(*arguments: Any, **keywords: Any) -> Any:
        with _marked_for_xla():
            return gradient(*arguments, **keywords)

    return marked


@contextlib.contextmanager
def _marked_for_xla() -> Iterator[None]:
    if tf.executing_eagerly() or compiles_with_xla():
        yield
        return
    context = XLAControlFlowContext()
    context.Enter()
    try:
        yield
    finally:
        context.Exit()
