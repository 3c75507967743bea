"""Glow's centring of pixels."""

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.core.inputs import NONE, Inputs
from flowconv.ops.shapes import per_example


class Centre(Bijector):
    """y = x − ½ for pixels x in [0, 1] (Kingma & Dhariwal 2018, as in openai/glow).

    Inverse: x = y + ½. The log-determinant is 0.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Centre
      >>> Centre().forward(tf.reshape([0.0, 0.75], [1, 1, 2, 1])).numpy().ravel().tolist()
      [-0.5, 0.25]
    """

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return x - 0.5, per_example(0.0, x)

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return y + 0.5, per_example(0.0, y)
