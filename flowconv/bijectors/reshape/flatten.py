"""All numbers of an image as channels."""

import math
from typing import Any

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.core.inputs import NONE, Inputs
from flowconv.ops.shapes import per_example


class Flatten(Bijector):
    """[H, W, C] → [1, 1, H·W·C]: what follows is dense, of all numbers of an image.

    The inverse puts them back, the log-determinant is 0. It is built for one size of image.

    Example:
      >>> from flowconv.bijectors import Flatten
      >>> Flatten().forward_shape((4, 4, 3))
      (1, 1, 48)
    """

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.image_shape = tuple(input_shape[-3:])

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (1, 1, math.prod(shape))

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.reshape(x, [-1, 1, 1, math.prod(self.image_shape)]), per_example(0.0, x)

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.reshape(y, [-1, *self.image_shape]), per_example(0.0, y)
