"""Dequantization with noise that is learned."""

import tensorflow as tf

from flowconv.core.dequantization import Dequantization
from flowconv.ops.shapes import batch_size, sum_per_example


class KumaraswamyDequantization(Dequantization):
    """x = (level + u) / 2^n_bits with u of Kumaraswamy's density on (0, 1), a·b·u^(a−1)·(1 − u^a)^(b−1).

    u = (1 − (1 − v)^(1/b))^(1/a) with v ~ U(0, 1). a and b are learned; both are 1 at first, which is uniform.

    Args:
      n_bits: bits that are kept of each uint8 number.
    """

    def build(self, input_shape):
        self.log_a = self.add_weight(shape=(), initializer="zeros", name="log_a")
        self.log_b = self.add_weight(shape=(), initializer="zeros", name="log_b")

    def forward_and_log_density(self, images, inputs):
        v = inputs.seed.uniform((batch_size(images), *images.shape[1:]))
        v = tf.clip_by_value(tf.cast(v, self.compute_dtype), 1e-6, 1.0 - 1e-6)
        a, b = tf.exp(self.log_a.value), tf.exp(self.log_b.value)
        power = 1.0 - (1.0 - v) ** (1.0 / b)  # u^a
        u = power ** (1.0 / a)
        log_density = (
            self.log_a.value + self.log_b.value + (a - 1.0) * tf.math.log(u) + (b - 1.0) * tf.math.log1p(-power)
        )
        return self.add(images, u), sum_per_example(log_density)
