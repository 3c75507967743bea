"""A matrix that stays a rotation."""

from typing import Any

import numpy as np
import tensorflow as tf

from flowconv.bijectors.rotations import RotationReflectors, reflections
from flowconv.bijectors.square_matrix import SquareMatrix


class OrthogonalMatrix(SquareMatrix):
    """W = H_1 ⋯ H_C·diag(±1): orthogonal however far its C(C−1)/2 parameters move.

    The Householder vectors have a 1 on the diagonal and zeros above, the signs are fixed; `reset_weights` makes W a
    random rotation, and it stays one: its determinant is a continuous function and never anything but ±1. The condition
    number is 1, the inverse Wᵀ, log |det W| = 0: the drift to a singular matrix, which Truong et al. 2021 (section
    6) leave open, can't happen. Cost: one triangular solve, O(C³), in float64.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors.matrices.orthogonal import OrthogonalMatrix
      >>> matrix = OrthogonalMatrix()
      >>> matrix.build((None, 4, 4, 3))
      >>> matrix.reset_weights(seed=0)
      >>> one = matrix.matrix() @ tf.transpose(matrix.matrix())
      >>> bool(tf.reduce_all(tf.abs(one - tf.eye(3)) < 1e-5))
      True
    """

    def build(self, input_shape: tuple[Any, ...]) -> None:
        channels = input_shape[-1]
        sign = RotationReflectors("sign", channels)
        self.sign = self.add_weight(shape=(channels,), initializer=sign, trainable=False, name="sign")
        self.vectors = self.add_weight(
            shape=(channels * (channels - 1) // 2,),
            initializer=RotationReflectors("below", channels, sign),
            name="vectors",
        )

    def _rotation(self) -> tf.Tensor:
        channels = self.sign.shape[0]
        below = np.argwhere(np.tri(channels, k=-1, dtype=bool))
        vectors = tf.scatter_nd(below, tf.cast(self.vectors.value, tf.float64), [channels, channels])
        vectors = tf.linalg.set_diag(vectors, tf.ones([channels], tf.float64))
        return reflections(vectors) * tf.cast(self.sign.value, tf.float64)

    def matrix(self) -> tf.Tensor:
        return tf.cast(self._rotation(), self.variable_dtype)

    def inverse_matrix(self) -> tf.Tensor:
        return tf.linalg.matrix_transpose(self.matrix())

    def log_abs_det(self) -> tf.Tensor:
        return tf.zeros([], self.variable_dtype)
