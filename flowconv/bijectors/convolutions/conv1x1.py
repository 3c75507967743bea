"""The invertible 1×1 convolution."""

from typing import Any

import numpy as np
import tensorflow as tf

from flowconv.bijectors.matrices import build_matrix
from flowconv.bijectors.per_pixel_affine import PerPixelAffine
from flowconv.ops import linalg
from flowconv.ops.affine_map import AffineMap


class Conv1x1(PerPixelAffine):
    """y_ij = W x_ij at every pixel (Kingma & Dhariwal 2018, section 3.2).

    Inverse: x_ij = W⁻¹ y_ij. Log-determinant: H·W·log|det W|. Cost: O(B·H·W·C²) each, and what the
    parameterization of W takes for its determinant and inverse. Invertible as long as W is: PLU keeps
    it so, a direct W has to be watched.

    Args:
      parameterization: of W, a file of `flowconv.bijectors.matrices`.

    Example:
      >>> from flowconv.bijectors import Conv1x1
      >>> layer = Conv1x1("orthogonal")
      >>> layer.build((None, 4, 4, 3))
      >>> layer.weight.matrix().shape
      TensorShape([3, 3])
    """

    def __init__(self, parameterization: str = "plu", **kwargs: Any):
        super().__init__(**kwargs)
        self.weight = build_matrix(parameterization, dtype=self.dtype_policy, name="weight")

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.weight.build(input_shape)

    def log_abs_det(self) -> tf.Tensor:
        return self.weight.log_abs_det()

    def affine(self) -> AffineMap:
        matrix = self.weight.matrix()
        return AffineMap(matrix, tf.zeros(matrix.shape[:1], matrix.dtype))

    def inverse_affine(self) -> AffineMap:
        matrix = self.weight.inverse_matrix()
        return AffineMap(matrix, tf.zeros(matrix.shape[:1], matrix.dtype))

    def singular_values(self) -> dict[str, np.ndarray]:
        return {"weight": linalg.singular_values(self.weight.matrix().numpy())}
