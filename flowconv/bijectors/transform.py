"""Transforms of numbers, each with parameters of its own."""

import tensorflow as tf

from flowconv.core.serialization import Configured


class Transform(Configured):
    """An invertible map of each number of x, with parameters that a network computes from other numbers.

    Couplings, learned priors and autoregressive layers use it. The parameters are images, `[B, H, W, n·C]` for x
    `[B, H, W, C]`: n = `parameters_per_dim` blocks of C channels.

    Attributes:
      parameters_per_dim: n.
      unsafe_inverse: why its inverse is no good for training in float32; "" if it is. `model.backward` heeds it.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Affine, Transform
      >>> transform, x = Affine(), tf.ones([2, 4, 4, 3])
      >>> y, log_det = transform.forward_and_log_det(x, tf.zeros([2, 4, 4, 3 * transform.parameters_per_dim]))
      >>> isinstance(transform, Transform), y.shape, log_det.shape
      (True, TensorShape([2, 4, 4, 3]), TensorShape([2]))
    """

    parameters_per_dim: int
    unsafe_inverse = ""

    def forward_and_log_det(self, x: tf.Tensor, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns y and log |det ∂y/∂x|, `[B]`, nats."""
        raise NotImplementedError

    def inverse_and_log_det(self, y: tf.Tensor, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns x and log |det ∂x/∂y|, `[B]`, nats."""
        raise NotImplementedError
