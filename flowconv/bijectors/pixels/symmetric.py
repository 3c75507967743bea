"""Jet's scaling of pixels."""

import math

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.core.inputs import NONE, Inputs
from flowconv.ops.shapes import batch_size

SCALE = 256.0 / 127.5  # of x, which is a byte's value by 256


class Symmetric(Bijector):
    """y = x·256/127.5 − 1 for pixels x in [0, 1): values 0 to 255 of a byte become −1 to 1 (Kolesnikov et al. 2024).

    Inverse: x = (y + 1)·127.5/256. Log-determinant: H·W·C·log(256/127.5).

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Symmetric
      >>> Symmetric().forward(tf.reshape([0.0, 255.0 / 256.0], [1, 1, 2, 1])).numpy().ravel().tolist()
      [-1.0, 1.0]

    References:
      Kolesnikov, Pinto, Tschannen 2024, "Jet: A Modern Transformer-Based Normalizing Flow".
    """

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return x * SCALE - 1.0, _log_det(x)

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return (y + 1.0) / SCALE, -_log_det(y)


def _log_det(x: tf.Tensor) -> tf.Tensor:
    return tf.fill([batch_size(x)], tf.constant(math.prod(x.shape[1:]) * math.log(SCALE), x.dtype))
