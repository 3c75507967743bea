"""The transform of a Gaussian to the standard one."""

import tensorflow as tf

from flowconv.bijectors.transform import Transform
from flowconv.ops.log_scale import bounded
from flowconv.ops.shapes import sum_per_example


class Gaussian(Transform):
    """y = (x − μ) / σ: standard normal where x is N(μ, σ²), with parameters (μ, log σ), log σ kept within ±60.

    Inverse: x = μ + σ y. Log-determinant: −Σ log σ.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Gaussian
      >>> mean_and_log_deviation = tf.reshape([3.0, 0.0], [1, 1, 1, 2])
      >>> y, log_det = Gaussian().forward_and_log_det(tf.fill([1, 1, 1, 1], 5.0), mean_and_log_deviation)
      >>> float(tf.squeeze(y))
      2.0
    """

    parameters_per_dim = 2

    def forward_and_log_det(self, x: tf.Tensor, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        mean, log_deviation = self._moments(parameters)
        return (x - mean) * tf.exp(-log_deviation), -sum_per_example(log_deviation)

    def inverse_and_log_det(self, y: tf.Tensor, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        mean, log_deviation = self._moments(parameters)
        return mean + tf.exp(log_deviation) * y, sum_per_example(log_deviation)

    def _moments(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        mean, log_deviation = tf.split(parameters, 2, axis=-1)
        return mean, bounded(log_deviation)
