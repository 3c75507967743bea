"""Activation normalization."""

from typing import Any, Literal

import tensorflow as tf

from flowconv.bijectors.per_pixel_affine import PerPixelAffine
from flowconv.core import arguments
from flowconv.core.data_dependent import set_actnorm
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.network import Average
from flowconv.ops.affine_map import AffineMap
from flowconv.ops.log_scale import bounded
from flowconv.ops.shapes import per_example


class ActNorm(PerPixelAffine):
    """y = x ⊙ γ + β, an affine map of each channel (Kingma & Dhariwal 2018, section 3.1).

    Inverse: x = (y − β) / γ. Log-determinant: H·W·Σ_c log γ_c. Cost: O(B·H·W·C) each.
    γ = exp(log γ) with log γ kept within ±60, so that γ is never 0 or infinite. Both start as the identity and are set
    from the first batch by `initialize`, so that y has mean 0 and variance 1 in each channel. A variable remembers that
    this was done, so a restored layer is never set again.

    Args:
      per: "channel" has γ, β of shape [C], as in Glow; "position" has them of shape [H, W, C] and
        log-determinant Σ_hwc log γ_hwc: Flow++'s normalization (Ho et al. 2019).

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import ActNorm
      >>> layer = ActNorm()
      >>> layer.build((None, 1, 1, 1))
      >>> y = layer.initialize(tf.reshape([2.0, 6.0], [2, 1, 1, 1]))
      >>> [round(float(value), 3) for value in tf.reshape(y, [-1])]
      [-1.0, 1.0]
    """

    def __init__(self, per: Literal["channel", "position"] = "channel", **kwargs: Any):
        super().__init__(**kwargs)
        arguments.choice({"channel": None, "position": None}, per, "per")
        self.per = per
        self.is_per_pixel_affine = per == "channel"  # γ and β are the same at every pixel

    def build(self, input_shape: tuple[Any, ...]) -> None:
        shape = tuple(input_shape[-1:] if self.per == "channel" else input_shape[-3:])
        self.log_scale = self.add_weight(shape=shape, initializer="zeros", name="log_scale")
        self.bias = self.add_weight(shape=shape, initializer="zeros", name="bias")
        self.initialized = self.add_weight(
            shape=(), initializer="zeros", dtype="float32", trainable=False, autocast=False, name="initialized"
        )

    def affine(self) -> AffineMap:
        return AffineMap(tf.exp(bounded(self.log_scale.value)), self.bias.value)

    def inverse_affine(self) -> AffineMap:
        scale = tf.exp(-bounded(self.log_scale.value))
        return AffineMap(scale, -self.bias.value * scale)

    def log_abs_det(self) -> tf.Tensor:
        return tf.reduce_sum(bounded(self.log_scale.value))

    def log_det(self, x: tf.Tensor) -> tf.Tensor:
        return super().log_det(x) if self.per == "channel" else per_example(self.log_abs_det(), x)

    def initialize(self, x: tf.Tensor, inputs: Inputs = NONE, average: Average = tf.identity) -> tf.Tensor:
        set_actnorm(self, x, average)
        return self.forward(x, inputs)
