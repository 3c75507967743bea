"""The matrix itself as the parameter."""

from typing import Any

import tensorflow as tf

from flowconv.bijectors.rotations import Rotation
from flowconv.bijectors.square_matrix import SquareMatrix
from flowconv.core.weights import RandomInitializer
from flowconv.ops import linalg


class DirectMatrix(SquareMatrix):
    """W is the variable, a random rotation at first (Kingma & Dhariwal 2018; Truong et al. 2021).

    Nothing keeps W from drifting towards a singular matrix: watch its condition number.
    Cost of determinant and inverse: O(C³), in float64.

    Example:
      >>> from flowconv.bijectors.matrices.direct import DirectMatrix
      >>> matrix = DirectMatrix()
      >>> matrix.build((None, 4, 4, 3))
      >>> round(float(matrix.log_abs_det()), 3)
      0.0
    """

    def build(self, input_shape: tuple[Any, ...]) -> None:
        channels = input_shape[-1]
        self.weight = self.add_weight(shape=(channels, channels), initializer=self.initializer(), name="weight")

    def initializer(self) -> RandomInitializer:
        """Returns the initializer of W."""
        return Rotation()

    def matrix(self) -> tf.Tensor:
        return self.weight.value

    def inverse_matrix(self) -> tf.Tensor:
        return linalg.inverse(self.weight.value)

    def log_abs_det(self) -> tf.Tensor:
        return linalg.log_abs_det(self.weight.value)
