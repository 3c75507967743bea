"""A true spatial shift."""

from typing import Any

import numpy as np
import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.core import arguments
from flowconv.core.inputs import NONE, Inputs
from flowconv.ops.shapes import per_example


class Roll(Bijector):
    """y_c[i, j] = x_c[i + a_c, j + b_c], indices modulo H and W: each channel rolled by an offset of its own.

    The offsets (a, b) run over the k×k window around (0, 0), shared out evenly and in order over the channels. A
    permutation of pixels: the inverse rolls back, the log-determinant is 0, there are no parameters. Cost: a copy.

    Args:
      kernel_size: k, odd.

    Example:
      >>> from flowconv.bijectors import Roll
      >>> len(Roll(kernel_size=3).offsets), Roll(kernel_size=3).offsets[0]
      (9, (-1, -1))
    """

    def __init__(self, kernel_size: int = 3, **kwargs: Any):
        super().__init__(**kwargs)
        border = arguments.kernel_size(kernel_size) // 2
        self.offsets = [(a, b) for a in range(-border, border + 1) for b in range(-border, border + 1)]

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return self._roll(x, -1), per_example(0.0, x)

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return self._roll(y, 1), per_example(0.0, y)

    def _roll(self, x: tf.Tensor, sign: int) -> tf.Tensor:
        sizes = [len(part) for part in np.array_split(np.arange(x.shape[-1]), len(self.offsets))]
        parts = tf.split(x, sizes, axis=-1)
        rolled = [
            tf.roll(part, [sign * a, sign * b], axis=[1, 2])
            for part, size, (a, b) in zip(parts, sizes, self.offsets, strict=True)
            if size
        ]
        return tf.concat(rolled, axis=-1)
