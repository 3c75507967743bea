"""Jet's transform."""

import math

import tensorflow as tf

from flowconv.bijectors.transform import Transform
from flowconv.core import arguments
from flowconv.ops.shapes import sum_per_example


class BoundedAffine(Transform):
    """y = (x + b) ⊙ s with s = m·σ(h), which lies between 0 and m (Kolesnikov et al. 2024).

    Inverse: x = y / s − b. Log-determinant: Σ log σ(h) + log m. With parameters (b, h); with m = 2 it is the identity
    without parameters. A flow of N such couplings, each of which changes half of the numbers, enlarges a number at most
    m^(N/2) times: take many of them.

    Args:
      scale_bound: m, above 0.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import BoundedAffine
      >>> y, log_det = BoundedAffine().forward_and_log_det(tf.fill([1, 1, 1, 1], 0.25), tf.zeros([1, 1, 1, 2]))
      >>> float(tf.squeeze(y))
      0.25

    References:
      Kolesnikov, Pinto, Tschannen 2024, "Jet: A Modern Transformer-Based Normalizing Flow".
    """

    parameters_per_dim = 2
    unsafe_inverse = "nothing keeps the scales of bounded_affine from 0, and dividing by them enlarges rounding errors"

    def __init__(self, scale_bound: float = 2.0):
        arguments.number(scale_bound, lambda bound: 0.0 < bound < math.inf, "scale_bound", "a number above 0")
        self.scale_bound = scale_bound

    def forward_and_log_det(self, x: tf.Tensor, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        bias, logits = tf.split(parameters, 2, axis=-1)
        return (x + bias) * (self.scale_bound * tf.sigmoid(logits)), self._log_det(logits)

    def inverse_and_log_det(self, y: tf.Tensor, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        bias, logits = tf.split(parameters, 2, axis=-1)
        return y / (self.scale_bound * tf.sigmoid(logits)) - bias, -self._log_det(logits)

    def _log_det(self, logits: tf.Tensor) -> tf.Tensor:
        return sum_per_example(tf.math.log_sigmoid(logits) + math.log(self.scale_bound))
