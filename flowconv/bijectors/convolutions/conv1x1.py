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

    def forward_and_log_det(self, x):
        return _matmul(x, self.weight.matrix()), per_example(pixels(x) * self.weight.log_abs_det(), x)

    def inverse_and_log_det(self, y):
        return _matmul(y, self.weight.inverse_matrix()), per_example(-pixels(y) * self.weight.log_abs_det(), y)

    def singular_values(self):
        return {"weight": np.linalg.svd(self.weight.matrix(), compute_uv=False)}


def _matmul(x, matrix):
    rows = tf.reshape(x, [-1, x.shape[-1]])
    return tf.reshape(tf.matmul(rows, matrix, transpose_b=True), tf.shape(x))
