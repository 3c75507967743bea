"""The additive transform."""

import tensorflow as tf

from flowconv.bijectors.transform import Transform
from flowconv.ops.shapes import per_example


class Additive(Transform):
    """y = x + t (NICE, Dinh et al. 2015).

    Inverse: x = y − t. Volume-preserving: the log-determinant is 0.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Additive
      >>> y, log_det = Additive().forward_and_log_det(tf.ones([1, 1, 1, 2]), tf.fill([1, 1, 1, 2], 2.0))
      >>> y.numpy().ravel().tolist(), float(log_det[0])
      ([3.0, 3.0], 0.0)
    """

    parameters_per_dim = 1

    def forward_and_log_det(self, x: tf.Tensor, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return x + parameters, per_example(0.0, x)

    def inverse_and_log_det(self, y: tf.Tensor, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return y - parameters, per_example(0.0, y)
