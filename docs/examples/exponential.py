"""RealNVP's transform."""

import tensorflow as tf

from flowconv.bijectors import Transform
from flowconv.ops.shapes import sum_per_example


class Exponential(Transform):
    """y = x·exp(a·tanh(h)) + t (Dinh et al. 2017, section 3.3).

    Inverse: x = (y − t)·exp(−a·tanh(h)). Log-determinant: Σ a·tanh(h).

    Args:
      amplitude: a, the largest log-scale.
    """

    parameters_per_dim = 2

    def __init__(self, amplitude: float = 2.0):
        self.amplitude = amplitude

    def forward_and_log_det(self, x, parameters):
        log_scale, shift = self._log_scale_and_shift(parameters)
        return x * tf.exp(log_scale) + shift, sum_per_example(log_scale)

    def inverse_and_log_det(self, y, parameters):
        log_scale, shift = self._log_scale_and_shift(parameters)
        return (y - shift) * tf.exp(-log_scale), -sum_per_example(log_scale)

    def _log_scale_and_shift(self, parameters):
        logits, shift = tf.split(parameters, 2, axis=-1)
        return self.amplitude * tf.tanh(logits), shift
