"""The affine transform."""

import tensorflow as tf

from flowconv.bijectors.transform import Transform
from flowconv.core import arguments
from flowconv.ops.shapes import sum_per_example


class Affine(Transform):
    """y = x ⊙ s + t (Dinh et al. 2017; Kingma & Dhariwal 2018).

    Inverse: x = (y − t) / s. Log-determinant: Σ log s. With parameters (h, t), s = f + (1 − f)·σ(h + 2) lies between
    the floor f and 1, so one inversion enlarges an error at most 1/f times.

    Args:
      scale_floor: f, in (0, 1).

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Affine
      >>> scale, shift = Affine(scale_floor=0.1).scale_and_shift(tf.reshape([-100.0, 3.0], [1, 1, 1, 2]))
      >>> round(float(tf.squeeze(scale)), 3), float(tf.squeeze(shift))
      (0.1, 3.0)
    """

    parameters_per_dim = 2

    def __init__(self, scale_floor: float = 0.05):
        arguments.number(scale_floor, lambda floor: 0.0 < floor < 1.0, "scale_floor", "within (0, 1)")
        self.scale_floor = scale_floor

    def scale_and_shift(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns s and t, of the shape of x."""
        logits, shift = tf.split(parameters, 2, axis=-1)
        return self.scale_floor + (1.0 - self.scale_floor) * tf.sigmoid(logits + 2.0), shift

    def forward_and_log_det(self, x: tf.Tensor, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        scale, shift = self.scale_and_shift(parameters)
        return x * scale + shift, sum_per_example(tf.math.log(scale))

    def inverse_and_log_det(self, y: tf.Tensor, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        scale, shift = self.scale_and_shift(parameters)
        return (y - shift) / scale, -sum_per_example(tf.math.log(scale))
