"""The invertible 1×1 convolution."""

import numpy as np
import tensorflow as tf

from flowconv.bijectors.bijector import Bijector, per_example, pixels
from flowconv.bijectors.matrices import MATRICES


class Conv1x1(Bijector):
    """y_ij = W x_ij at every pixel (Kingma & Dhariwal 2018, section 3.2).

    Inverse: x_ij = W⁻¹ y_ij. Log-determinant: H·W·log|det W|. Cost: O(B·H·W·C²) each, and what the
    parameterization of W takes for its determinant and inverse. Invertible as long as W is: PLU keeps
    it so, a direct W has to be watched.

    Args:
      parameterization: of W, a key of `flowconv.bijectors.matrices.MATRICES`.
    """

    def __init__(self, parameterization: str = "plu", **kwargs):
        super().__init__(**kwargs)
        self.weight = MATRICES[parameterization](dtype=self.dtype_policy, name="weight")

    def build(self, input_shape):
        self.weight.build(input_shape)

    def log_det(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the forward log-determinant for images of the size of x, `[B]`, nats."""
        return per_example(pixels(x) * self.weight.log_abs_det(), x)

    def forward_and_log_det(self, x):
        return matmul(x, self.weight.matrix()), self.log_det(x)

    def inverse_and_log_det(self, y):
        return matmul(y, self.weight.inverse_matrix()), -self.log_det(y)

    def singular_values(self):
        return {"weight": np.linalg.svd(self.weight.matrix(), compute_uv=False)}


def matmul(x: tf.Tensor, matrix: tf.Tensor, bias: tf.Tensor | None = None) -> tf.Tensor:
    """Returns W x_ij + b at every pixel: x `[B, H, W, C]`, W `[C, C]`, b `[C]`."""
    rows = tf.matmul(tf.reshape(x, [-1, x.shape[-1]]), matrix, transpose_b=True)
    if bias is not None:
        rows = tf.nn.bias_add(rows, bias)
    return tf.reshape(rows, tf.shape(x))
