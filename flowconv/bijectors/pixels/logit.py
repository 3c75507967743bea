"""RealNVP's logit transform of pixels."""

import math

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.core.inputs import NONE, Inputs
from flowconv.ops.shapes import sum_per_example


class Logit(Bijector):
    """y = logit(a + (1 − 2a)·x) for pixels x in [0, 1], a = 0.05 (Dinh et al. 2017, section 4.1).

    Inverse: x = (σ(y) − a) / (1 − 2a). Log-determinant: Σ log(1 − 2a) − log p − log(1 − p) with
    p = a + (1 − 2a)·x. Cost: O(B·H·W·C). With x in [0, 1], p stays within [a, 1 − a];
    the domain is a little wider, (−a, 1 − a) / (1 − 2a), about (−0.056, 1.056).

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Logit
      >>> round(float(tf.squeeze(Logit().forward(tf.ones([1, 1, 1, 1])))), 2)
      2.94
    """

    margin = 0.05

    def outside_domain(self, x: tf.Tensor) -> tf.Tensor:
        p = self._probability(x)
        return (p <= 0.0) | (p >= 1.0)

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        p = self._probability(x)
        y = tf.math.log(p) - tf.math.log1p(-p)
        return y, self._log_det(tf.math.log(p) + tf.math.log1p(-p))

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        x = (tf.sigmoid(y) - self.margin) / (1.0 - 2.0 * self.margin)
        return x, -self._log_det(tf.math.log_sigmoid(y) + tf.math.log_sigmoid(-y))

    def _probability(self, x: tf.Tensor) -> tf.Tensor:
        return self.margin + (1.0 - 2.0 * self.margin) * x

    def _log_det(self, log_p_and_not_p: tf.Tensor) -> tf.Tensor:
        return sum_per_example(math.log(1.0 - 2.0 * self.margin) - log_p_and_not_p)
