"""The QR parameterization."""

from typing import Any

import tensorflow as tf

from flowconv.bijectors.rotations import RotationReflectors, reflections
from flowconv.bijectors.square_matrix import SquareMatrix
from flowconv.ops.log_scale import soft_clip


class QRMatrix(SquareMatrix):
    """W = Q·(R + diag(s)), s = sign·exp(log|s|) (Hoogeboom et al. 2019).

    Q is a product of C Householder reflections, whose vectors have a 1 on the diagonal and zeros above; R is strictly
    upper triangular, so that log |det W| = Σ log|s| at no cost. log|s| is softly clipped to ±8 and the signs are fixed.
    `reset_weights` makes W a random rotation. Inverse: Qᵀ and a triangular solve, O(C³), in float64.

    Example:
      >>> from flowconv.bijectors.matrices.qr import QRMatrix
      >>> matrix = QRMatrix()
      >>> matrix.build((None, 4, 4, 3))
      >>> matrix.inverse_matrix().shape
      TensorShape([3, 3])
    """

    def build(self, input_shape: tuple[Any, ...]) -> None:
        channels = input_shape[-1]
        sign = RotationReflectors("sign", channels)
        self.sign = self.add_weight(shape=(channels,), initializer=sign, trainable=False, name="sign")
        self.triangles = self.add_weight(  # the vectors below the diagonal, R above
            shape=(channels, channels), initializer=RotationReflectors("vectors", channels, sign), name="triangles"
        )
        self.log_diagonal_unclipped = self.add_weight(shape=(channels,), initializer="zeros", name="log_diagonal")

    @property
    def log_diagonal(self) -> tf.Tensor:
        """log|s|, `[C]`."""
        return soft_clip(self.log_diagonal_unclipped.value)

    def _factors(self) -> tuple[tf.Tensor, tf.Tensor]:
        triangles = tf.cast(self.triangles.value, tf.float64)
        vectors = tf.linalg.set_diag(tf.linalg.band_part(triangles, -1, 0), tf.ones_like(triangles[0]))
        diagonal = tf.cast(self.sign.value * tf.exp(self.log_diagonal), tf.float64)
        return reflections(vectors), tf.linalg.set_diag(tf.linalg.band_part(triangles, 0, -1), diagonal)

    def matrix(self) -> tf.Tensor:
        q, r = self._factors()
        return tf.cast(q @ r, self.variable_dtype)

    def inverse_matrix(self) -> tf.Tensor:
        q, r = self._factors()
        return tf.cast(tf.linalg.triangular_solve(r, tf.linalg.matrix_transpose(q), lower=False), self.variable_dtype)

    def log_abs_det(self) -> tf.Tensor:
        return tf.reduce_sum(self.log_diagonal)
