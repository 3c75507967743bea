"""Where networks that compute in fewer bits must not."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar

import keras

from flowconv.bijectors.context import as_now, within

_full: ContextVar[bool] = ContextVar("full", default=False)


def full_precision() -> AbstractContextManager:
    """Within it, networks compute in their variables' dtype, whatever their policy says.

    Rounded to bfloat16, a network's output jumps where its input crosses a boundary of rounding. The inverse sees
    its input with float32's errors, and a few of 10⁵ numbers cross: an image would come back changed by whole levels.
    """
    return within(_full, True)


def in_same_precision(gradient: Callable) -> Callable:
    """Returns a function that evaluates networks again as they compute now, wherever it is called."""
    return as_now(gradient, _full)


def computing_dtype(layer: keras.layers.Layer) -> str:
    """Returns the dtype in which a network's layer computes now."""
    return layer.variable_dtype if _full.get() else layer.compute_dtype
