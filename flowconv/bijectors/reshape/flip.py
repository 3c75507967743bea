"""Images upside down."""

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.core.inputs import NONE, Inputs
from flowconv.ops.shapes import per_example


class Flip(Bijector):
    """y_ij = x_{H−1−i, W−1−j}: rows and columns run the other way, so that the last pixel becomes the first.

    After an autoregressive layer the next one has the reverse order. It is its own inverse, the log-determinant is 0.
    Cost: a copy.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Flip
      >>> Flip().forward(tf.reshape([0.0, 1.0, 2.0, 3.0], [1, 2, 2, 1])).numpy().ravel().tolist()
      [3.0, 2.0, 1.0, 0.0]
    """

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.reverse(x, axis=[1, 2]), per_example(0.0, x)

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return self.forward_and_log_det(y)
