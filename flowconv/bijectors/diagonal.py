"""NICE's diagonal."""

from typing import Any

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.core.inputs import NONE, Inputs
from flowconv.ops.log_scale import bounded
from flowconv.ops.shapes import per_example


class Diagonal(Bijector):
    """y = x ⊙ exp(s), a scale of each number: the last layer of NICE (Dinh et al. 2015, section 3.3).

    Inverse: x = y ⊙ exp(−s). Log-determinant: Σ s. s is 0 at first, and counts as no more than ±60.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Diagonal
      >>> layer = Diagonal()
      >>> layer.build((None, 1, 1, 2))
      >>> log_scale = layer.log_scale.assign([[[0.5, 1.0]]])
      >>> round(float(layer.forward_log_det_jacobian(tf.ones([1, 1, 1, 2]))[0]), 2)
      1.5
    """

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.log_scale = self.add_weight(shape=tuple(input_shape[-3:]), initializer="zeros", name="log_scale")

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        log_scale = bounded(self.log_scale.value)
        return x * tf.exp(log_scale), per_example(tf.reduce_sum(log_scale), x)

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        log_scale = bounded(self.log_scale.value)
        return y * tf.exp(-log_scale), per_example(-tf.reduce_sum(log_scale), y)
