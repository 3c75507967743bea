"""The LU parameterization."""

from typing import Any

import tensorflow as tf

from flowconv.bijectors.square_matrix import SquareMatrix
from flowconv.ops.log_scale import soft_clip


class LUMatrix(SquareMatrix):
    """W = L·(U + diag(s)), s = exp(log s), the identity at first.

    L is unit lower and U strictly upper triangular, so that log |det W| = Σ log s at no cost. log s is softly clipped
    to ±8, so that s can't reach 0. It is `plu` without what makes that a random rotation: no permutation, no signs.
    Inverse: two triangular solves, O(C³), in float64.

    Example:
      >>> from flowconv.bijectors.matrices.lu import LUMatrix
      >>> matrix = LUMatrix()
      >>> matrix.build((None, 4, 4, 3))
      >>> matrix.inverse_matrix().shape
      TensorShape([3, 3])
    """

    def build(self, input_shape: tuple[Any, ...], stack: tuple[int, ...] = ()) -> None:
        """Makes the variables of one matrix or of a stack of them, which all methods but `log_abs_det` return then."""
        channels = input_shape[-1]
        shape = (*stack, channels, channels)
        self.triangles = self.add_weight(shape=shape, initializer="zeros", name="triangles")  # L below, U above
        self.log_diagonal_unclipped = self.add_weight(shape=shape[:-1], initializer="zeros", name="log_diagonal")

    @property
    def log_diagonal(self) -> tf.Tensor:
        """log s, `[C]`, or a stack of such."""
        return soft_clip(self.log_diagonal_unclipped.value)

    def _factors(self) -> tuple[tf.Tensor, tf.Tensor]:
        lower = tf.linalg.band_part(self.triangles.value, -1, 0)
        upper = tf.linalg.band_part(self.triangles.value, 0, -1)
        scale = tf.exp(self.log_diagonal)
        return tf.linalg.set_diag(lower, tf.ones_like(scale)), tf.linalg.set_diag(upper, scale)

    def matrix(self) -> tf.Tensor:
        lower, upper = self._factors()
        return lower @ upper

    def inverse_matrix(self) -> tf.Tensor:
        lower, upper = (tf.cast(factor, tf.float64) for factor in self._factors())
        identity = tf.eye(lower.shape[-1], dtype=tf.float64)
        solved = tf.linalg.triangular_solve(upper, tf.linalg.triangular_solve(lower, identity), lower=False)
        return tf.cast(solved, self.variable_dtype)

    def log_abs_det(self) -> tf.Tensor:
        return tf.reduce_sum(self.log_diagonal)
