"""Halves that change places."""

from typing import Any

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.bijectors.masks import ChannelMask, Mask
from flowconv.core.inputs import NONE, Inputs
from flowconv.ops.shapes import per_example


class SwapHalves(Bijector):
    """y = (x_b, x_a) of x = (x_a, x_b), the halves of a mask.

    After a coupling with this mask the next one changes what this one kept: all steps can have the same mask. It is its
    own inverse, the log-determinant is 0. Cost: a copy.

    Args:
      mask: what the halves are (default: of the channels, which must be even).

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import SwapHalves
      >>> SwapHalves().forward(tf.reshape([0.0, 1.0, 2.0, 3.0], [1, 1, 1, 4])).numpy().ravel().tolist()
      [2.0, 3.0, 0.0, 1.0]
    """

    def __init__(self, mask: Mask | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.mask = mask or ChannelMask()

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        self.mask.half_shape(shape)  # (which refuses images without halves)
        return shape

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        x_a, x_b = self.mask.split(x)
        return self.mask.merge(x_b, x_a), per_example(0.0, x)

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return self.forward_and_log_det(y)
