"""The affine coupling."""

import tensorflow as tf

from flowconv.bijectors import inputs
from flowconv.bijectors.bijector import sum_per_example
from flowconv.bijectors.coupling import Coupling


class AffineCoupling(Coupling):
    """y_a = x_a ⊙ s(x_b) + t(x_b), y_b = x_b (Dinh et al. 2017; Kingma & Dhariwal 2018).

    Inverse: x_a = (y_a − t(y_b)) / s(y_b). Log-determinant: Σ log s(x_b). s = f + (1 − f)·σ(h + 2) lies
    between the floor f and 1, so one inversion enlarges an error at most 1/f times.

    Args:
      scale_floor: f, in (0, 1).
    """

    parameters_per_number = 2

    def __init__(self, width: int, scale_floor: float = 0.05, **kwargs):
        super().__init__(width, **kwargs)
        inputs.number(scale_floor, lambda floor: 0.0 < floor < 1.0, "scale_floor", "within (0, 1)")
        self.scale_floor = scale_floor

    def scale_and_shift(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns s and t, `[B, H, W, C/2]` each."""
        logits, shift = tf.split(parameters, 2, axis=-1)
        return self.scale_floor + (1.0 - self.scale_floor) * tf.sigmoid(logits + 2.0), shift

    def transform(self, x_a, parameters):
        scale, shift = self.scale_and_shift(parameters)
        return x_a * scale + shift, sum_per_example(tf.math.log(scale))

    def invert(self, y_a, parameters):
        scale, shift = self.scale_and_shift(parameters)
        return (y_a - shift) / scale, -sum_per_example(tf.math.log(scale))
