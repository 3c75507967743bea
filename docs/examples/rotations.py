"""Pairs of channels, each rotated by an angle."""

import tensorflow as tf

from flowconv.bijectors import NONE, Bijector
from flowconv.ops.shapes import per_example


class Rotations(Bijector):
    """y = reverse(R x), R rotating channels 2c and 2c + 1 by θ_c. Inverse: −θ. Log-determinant: 0. Cost: O(B·H·W·C)."""

    def build(self, input_shape):
        self.angle = self.add_weight(shape=(input_shape[-1] // 2,), initializer="random_normal", name="angle")

    def rotate(self, x, sign):
        cosine, sine = tf.cos(self.angle.value), sign * tf.sin(self.angle.value)
        even, odd = x[..., 0::2], x[..., 1::2]
        pairs = tf.stack([cosine * even - sine * odd, sine * even + cosine * odd], axis=-1)
        return tf.reshape(pairs, tf.shape(x))

    def forward_and_log_det(self, x, inputs=NONE):
        return tf.reverse(self.rotate(x, 1.0), axis=[-1]), per_example(0.0, x)

    def inverse_and_log_det(self, y, inputs=NONE):
        return self.rotate(tf.reverse(y, axis=[-1]), -1.0), per_example(0.0, y)
