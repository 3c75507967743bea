"""Affine maps of the channels of every pixel, and their composition."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class AffineMap(NamedTuple):
    """x_ij ↦ A x_ij + b.

    Attributes:
      matrix: A, `[C, C]`, or a diagonal, as `[C]` or `[H, W, C]`.
      bias: b, `[C]` or `[H, W, C]`.
    """

    matrix: tf.Tensor
    bias: tf.Tensor

    def apply(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the map of every pixel of x `[B, H, W, C]`."""
        if self.matrix.shape.rank != 2:
            return x * self.matrix + self.bias
        rows = tf.matmul(tf.reshape(x, [-1, x.shape[-1]]), self.matrix, transpose_b=True)
        return tf.reshape(tf.nn.bias_add(rows, self.bias), tf.shape(x))

    def then(self, after: AffineMap) -> AffineMap:
        """Returns this map and `after` in one."""
        if after.matrix.shape.rank == 1:
            rows = after.matrix[:, None] if self.matrix.shape.rank == 2 else after.matrix
            return AffineMap(rows * self.matrix, after.matrix * self.bias + after.bias)
        matrix = after.matrix * self.matrix if self.matrix.shape.rank == 1 else after.matrix @ self.matrix
        return AffineMap(matrix, tf.linalg.matvec(after.matrix, self.bias) + after.bias)
