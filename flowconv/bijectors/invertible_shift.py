"""The paper's invertible shift."""

from typing import Any, Literal

import tensorflow as tf

from flowconv.bijectors.per_pixel_affine import PerPixelAffine
from flowconv.core import arguments
from flowconv.ops.affine_map import AffineMap
from flowconv.ops.log_scale import soft_clip
from flowconv.ops.shapes import per_example


class InvertibleShift(PerPixelAffine):
    """y = α ⊙ x + β (Truong et al. 2021, equations 7 to 10).

    Inverse: x = (y − β) / α. Log-determinant: H·W·Σ_c log|α_c| (equation 10; the paper's Algorithm 1
    omits H·W). Cost: O(B·H·W·C) each. Starts as the identity, α = 1 and β = 0.

    α = exp(log α) with log α softly clipped to ±8: no learning rate can bring α to 0 or to infinity.

    Args:
      per: "channel" has α, β of shape [C] as in the paper (which folds into a neighbouring ActNorm);
        "position" has them of shape [H, W, C], log-determinant Σ_hwc log α_hwc.

    Example:
      >>> from flowconv.bijectors import InvertibleShift
      >>> layer = InvertibleShift("position")
      >>> layer.build((None, 4, 4, 3))
      >>> layer.log_alpha.shape
      TensorShape([4, 4, 3])
    """

    def __init__(self, per: Literal["channel", "position"] = "channel", **kwargs: Any):
        super().__init__(**kwargs)
        arguments.choice({"channel": None, "position": None}, per, "per")
        self.per = per
        self.is_per_pixel_affine = per == "channel"  # α and β are the same at every pixel

    def build(self, input_shape: tuple[Any, ...]) -> None:
        shape = tuple(input_shape[-1:] if self.per == "channel" else input_shape[-3:])
        self.log_alpha_unclipped = self.add_weight(shape=shape, initializer="zeros", name="log_alpha")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")

    @property
    def log_alpha(self) -> tf.Tensor:
        """log α, of shape [C] or [H, W, C]."""
        return soft_clip(self.log_alpha_unclipped.value)

    def affine(self) -> AffineMap:
        return AffineMap(tf.exp(self.log_alpha), tf.convert_to_tensor(self.beta.value))

    def inverse_affine(self) -> AffineMap:
        scale = tf.exp(-self.log_alpha)
        return AffineMap(scale, -self.beta.value * scale)

    def log_abs_det(self) -> tf.Tensor:
        return tf.reduce_sum(self.log_alpha)

    def log_det(self, x: tf.Tensor) -> tf.Tensor:
        return super().log_det(x) if self.per == "channel" else per_example(self.log_abs_det(), x)
