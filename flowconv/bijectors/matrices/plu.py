"""The PLU parameterization."""

from typing import Any

import keras
import tensorflow as tf

from flowconv.bijectors.rotations import RotationFactor
from flowconv.bijectors.square_matrix import SquareMatrix
from flowconv.ops.log_scale import soft_clip


class PLUMatrix(SquareMatrix):
    """W = P·L·(U + diag(s)), s = sign·exp(log|s|) (Kingma & Dhariwal 2018, section 3.2).

    P is a fixed permutation, L unit lower and U strictly upper triangular, so that
    log |det W| = Σ log|s| at no cost. s cannot reach 0: log|s| is softly clipped to ±8 and the signs are fixed.
    `reset_weights` makes W a random rotation. Inverse: two triangular solves, O(C³), in float64.

    Example:
      >>> from flowconv.bijectors.matrices.plu import PLUMatrix
      >>> matrix = PLUMatrix()
      >>> matrix.build((None, 4, 4, 3))
      >>> matrix.inverse_matrix().shape
      TensorShape([3, 3])
    """

    def build(self, input_shape: tuple[Any, ...]) -> None:
        channels = input_shape[-1]
        square, diagonal = (channels, channels), (channels,)
        permutation = RotationFactor("permutation")

        def add(factor: str, shape: tuple[int, ...], **kwargs: Any) -> keras.Variable:
            initializer = RotationFactor(factor, permutation)
            return self.add_weight(shape=shape, initializer=initializer, name=factor, **kwargs)

        self.permutation = self.add_weight(
            shape=diagonal, initializer=permutation, name="permutation", dtype="int32", trainable=False
        )
        self.sign = add("sign", diagonal, trainable=False)
        self.triangles = add("triangles", square)  # L below the diagonal, U above
        self.log_diagonal_unclipped = add("log_diagonal", diagonal)

    @property
    def log_diagonal(self) -> tf.Tensor:
        """log|s|, `[C]`."""
        return soft_clip(self.log_diagonal_unclipped.value)

    def _triangles(self) -> tuple[tf.Tensor, tf.Tensor]:
        lower = tf.linalg.band_part(self.triangles.value, -1, 0)
        upper = tf.linalg.band_part(self.triangles.value, 0, -1)
        return (
            tf.linalg.set_diag(lower, tf.ones_like(self.sign.value)),
            tf.linalg.set_diag(upper, self.sign.value * tf.exp(self.log_diagonal)),
        )

    def matrix(self) -> tf.Tensor:
        lower, upper = self._triangles()
        return tf.gather(lower @ upper, self.permutation.value, axis=0)

    def inverse_matrix(self) -> tf.Tensor:
        lower, upper = (tf.cast(t, tf.float64) for t in self._triangles())
        identity = tf.one_hot(self.permutation.value, lower.shape[-1], axis=0, dtype=tf.float64)
        solved = tf.linalg.triangular_solve(upper, tf.linalg.triangular_solve(lower, identity), lower=False)
        return tf.cast(solved, self.variable_dtype)

    def log_abs_det(self) -> tf.Tensor:
        return tf.reduce_sum(self.log_diagonal)
