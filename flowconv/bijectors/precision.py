"""Where networks that compute in fewer bits must not."""

import contextlib
from collections.abc import Iterator

import keras

_full: list[bool] = []


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Within it, networks compute in their variables' dtype, whatever their policy says.

    Rounded to bfloat16, a network's output jumps where its input crosses a boundary of rounding. The inverse sees
    its input with float32's errors, and a few of 10⁵ numbers cross: an image would come back changed by whole levels.
    """
    _full.append(True)
    try:
        yield
    finally:
        _full.pop()


def computing_dtype(layer: keras.layers.Layer) -> str:
    """Returns the dtype in which a network's layer computes now."""
    return layer.variable_dtype if _full else layer.compute_dtype
