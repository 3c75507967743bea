"""Checks of what goes into a layer or a flow: its dtype and shape, or a refusal in a sentence."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

ANY = "..."  # batch axes, none included


def floats(
    x: Any,
    shape: Sequence[int | None],
    dtype: str | tf.DType,
    name: str,
    *,
    batch: str = "B",
    among: str = "",
    cure: str = "",
) -> tf.Tensor:
    """Returns x as a tensor of `dtype`, cast from other floats as Keras casts them.

    Args:
      x: a tensor, or what becomes one.
      shape: of an example; None where any length is right.
      dtype: of the result.
      name: whose argument x is.
      batch: the axes before: "B" is one, `ANY` any number.
      among: which floats are meant, as " in [0, 1)".
      cure: told of what isn't floats.

    Raises:
      TypeError: if x is no tensor, or not of floats.
      ValueError: if its shape is another one.
    """
    expected = f"{name}: expected floats {_axes(batch, shape)}{among}"
    tensor = _tensor(x, expected)
    if not tensor.dtype.is_floating:
        raise TypeError(f"{expected}, got {tensor.dtype.name} {tensor.shape}{cure}")
    return tf.cast(_of_shape(tensor, batch, shape, expected), dtype)


def uint8(images: Any, shape: Sequence[int], name: str, cure: str = "") -> tf.Tensor:
    """Returns uint8 images as a tensor; arguments and errors as of `floats`."""
    expected = f"{name}: expected uint8 {_axes('B', shape)}"
    tensor = _tensor(images, expected)
    if tensor.dtype != tf.uint8:
        raise TypeError(f"{expected}, got {tensor.dtype.name} {tensor.shape}{cure}")
    return _of_shape(tensor, "B", shape, expected)


def whole_numbers(x: Any, below: int, name: str) -> tf.Tensor:
    """Returns whole numbers from 0 to below − 1, one for each image, as int32 `[B]`; errors as of `floats`."""
    expected = f"{name}: expected whole numbers [B] from 0 to {below - 1}"
    tensor = _tensor(x, expected)
    if not tensor.dtype.is_integer:
        raise TypeError(f"{expected}, got {tensor.dtype.name} {tensor.shape}")
    tensor = _of_shape(tensor, "B", (), expected)
    if not tf.is_symbolic_tensor(tensor) and np.any(wrong := (tensor.numpy() < 0) | (tensor.numpy() >= below)):
        raise ValueError(f"{expected}, got {tensor.numpy()[wrong][0]}")
    return tf.cast(tensor, tf.int32)


def number(value: Any, is_right: Callable[[Any], bool], name: str, expected: str) -> None:
    """Looks at a number, unless it is a tensor of a graph.

    Raises:
      ValueError: if is_right(value) isn't true, or has no answer.
    """
    if tf.is_symbolic_tensor(value):
        return
    try:
        right = bool(is_right(value))
    except (TypeError, ValueError, OverflowError):
        right = False
    if not right:
        raise ValueError(f"{name} must be {expected}, got {value!r}")


def whole(at_least: int, **values: Any) -> None:
    """Looks at whole numbers by their names, which 2.0 is none of; raises as `number`."""
    for name, value in values.items():
        number(value, lambda n: operator.index(n) >= at_least, name, f"a whole number of at least {at_least}")


def kernel_size(value: int) -> int:
    """Returns the size of a kernel, which must be odd; raises as `number`."""
    right = "odd, so that a window has a middle"
    number(value, lambda size: size >= 1 and operator.index(size) % 2 == 1, "kernel_size", right)
    return value


def choice(table: Mapping[str, Any], value: str, name: str) -> Any:
    """Returns the entry of a table.

    Raises:
      ValueError: if there is none of this name.
    """
    if value not in table:
        raise ValueError(f"{name} must be one of {', '.join(table)}, got {value!r}")
    return table[value]


def _tensor(x: Any, expected: str) -> tf.Tensor:
    try:
        return tf.convert_to_tensor(x)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{expected}, got a {type(x).__name__}") from error


def _of_shape(tensor: tf.Tensor, batch: str, shape: Sequence[int | None], expected: str) -> tf.Tensor:
    rank = tensor.shape.rank
    batch_axes = [None] * (rank - len(shape) if batch == ANY and rank is not None else 1)
    if not tensor.shape.is_compatible_with([*batch_axes, *shape]):
        raise ValueError(f"{expected}, got {tensor.dtype.name} {tensor.shape}")
    return tensor


def _axes(batch: str, shape: Sequence[int | None]) -> str:
    return f"[{', '.join([batch, *('any' if length is None else str(length) for length in shape)])}]"
