"""Shifts of groups of channels."""

import functools
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from flowconv.bijectors.bijector import Bijector, Gradients
from flowconv.core import arguments
from flowconv.core.inputs import NONE, Inputs
from flowconv.ops.permute_pixels import permute_pixels
from flowconv.ops.shapes import per_example

Offsets = Sequence[Sequence[int]]


class GroupedShift(Bijector):
    """y_c[i, j] = x_c[i + a_g, j + b_g]: each group g of channels shifted by an offset of its own (Wu et al. 2018).

    Groups are of equal size as far as it goes: neighbouring channels or, interleaved, every n-th one. What leaves an
    image must enter it elsewhere:

    * "periodic": indices are modulo H and W. What leaves at one border enters at the opposite one.
    * "conveyor": the two halves of a group move in opposite directions, by (a, b) and by (−a, −b). What leaves a
      channel of the one half enters a channel of the other half at the same border. So nothing comes from the far side
      of an image. An odd channel of a group stays where it is.

    Both are permutations of pixels: the inverse shifts back, the log-determinant is 0, there are no parameters.
    Cost: a copy.

    Args:
      offsets: (a, b) of each group.
      border: what becomes of that which leaves an image.
      interleaved: whether the groups are.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import GroupedShift
      >>> layer = GroupedShift([(0, 0), (0, 1)])
      >>> layer.build((None, 1, 3, 2))
      >>> layer.forward(tf.reshape(tf.range(6.0), [1, 1, 3, 2]))[0, 0].numpy()
      array([[0., 3.],
             [2., 5.],
             [4., 1.]], dtype=float32)

    References:
      Wu, Wan, Yue, Jin, Zhao, Golmant, Gholaminejad, Gonzalez, Keutzer 2018, "Shift: A Zero FLOP, Zero Parameter
      Alternative to Spatial Convolutions".
    """

    def __init__(
        self,
        offsets: Offsets,
        border: Literal["periodic", "conveyor"] = "periodic",
        interleaved: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.border = arguments.choice({"periodic": "periodic", "conveyor": "conveyor"}, border, "border")
        self.offsets, self.interleaved = offsets, interleaved

    def order(self, shape: tuple[int, ...]) -> np.ndarray:
        """Returns the number of x that each number of y is, of images `(H, W, C)`, `[H·W·C]`."""
        return _order(shape, tuple((a, b) for a, b in self.offsets), self.border, self.interleaved)

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return permute_pixels(x, self.order(tuple(x.shape[1:]))), per_example(0.0, x)

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return permute_pixels(y, np.argsort(self.order(tuple(y.shape[1:])))), per_example(0.0, y)

    def inverse_and_gradients(
        self, y: tf.Tensor, dy: tf.Tensor, dlog_det: tf.Tensor, inputs: Inputs = NONE
    ) -> tuple[tf.Tensor, Gradients]:
        """As the base class has it, without a forward pass: the gradient moves back as the image does."""
        back = np.argsort(self.order(tuple(y.shape[1:])))
        conditions = [tf.zeros_like(condition) for condition in inputs.differentiable()]
        return permute_pixels(y, back), Gradients(permute_pixels(dy, back), conditions, {})


@functools.lru_cache(maxsize=128)
def _order(shape: tuple[int, ...], offsets: tuple[tuple[int, int], ...], border: str, interleaved: bool) -> np.ndarray:
    """As `GroupedShift.order`."""
    numbers = np.arange(math.prod(shape)).reshape(shape)
    channels = np.arange(shape[-1])
    groups = [channels[n :: len(offsets)] for n in range(len(offsets))] if interleaved else None
    for group, offset in zip(groups or np.array_split(channels, len(offsets)), offsets, strict=True):
        if border == "periodic":
            numbers[..., group] = np.roll(numbers[..., group], [-a for a in offset], axis=(0, 1))
            continue
        first, second = np.split(group[: len(group) // 2 * 2], 2)
        for axis, a in enumerate(offset):
            # A ring: down the one half of the channels, back up the other.
            ring = np.concatenate([numbers[..., first], np.flip(numbers[..., second], axis)], axis)
            there, back = np.split(np.roll(ring, -a, axis), 2, axis)
            numbers[..., first], numbers[..., second] = there, np.flip(back, axis)
    return numbers.ravel()
