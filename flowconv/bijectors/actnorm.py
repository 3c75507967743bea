"""Activation normalization."""

import tensorflow as tf

from flowconv.bijectors.initialization import initializing, normalize_once
from flowconv.bijectors.numerics import bounded
from flowconv.bijectors.pixelwise_affine import Affine, PixelwiseAffine


class ActNorm(PixelwiseAffine):
    """y = x ⊙ γ + β, an affine map of each channel (Kingma & Dhariwal 2018, section 3.1).

    Inverse: x = (y − β) / γ. Log-determinant: H·W·Σ_c log γ_c. Cost: O(B·H·W·C) each.
    γ = exp(log γ) with log γ kept within ±60, so that γ is never 0 or infinite. Both start as the identity and are set
    from the first batch that a `data_dependent_initialization` pass brings, so that y has mean 0 and variance 1 in each
    channel; a variable remembers that this was done, so a restored layer is never set again.
    """

    def build(self, input_shape):
        channels = (input_shape[-1],)
        self.log_scale = self.add_weight(shape=channels, initializer="zeros", name="log_scale")
        self.bias = self.add_weight(shape=channels, initializer="zeros", name="bias")
        self.initialized = self.add_weight(
            shape=(), initializer="zeros", dtype="float32", trainable=False, autocast=False, name="initialized"
        )

    def affine(self):
        return Affine(tf.exp(bounded(self.log_scale.value)), self.bias.value)

    def inverse_affine(self):
        scale = tf.exp(-bounded(self.log_scale.value))
        return Affine(scale, -self.bias.value * scale)

    def log_abs_det(self):
        return tf.reduce_sum(bounded(self.log_scale.value))

    def forward_and_log_det(self, x):
        if initializing():
            normalize_once(self, x)
        return super().forward_and_log_det(x)
