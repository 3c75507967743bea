"""Invertible square matrices."""

import tensorflow as tf

from flowconv.core.layer import Layer


class SquareMatrix(Layer):
    """An invertible C×C matrix W, however it is parameterized.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import SquareMatrix, build_matrix
      >>> matrix = build_matrix("lu")
      >>> matrix.build((None, 4, 4, 3))
      >>> matrix.reset_weights(seed=0)
      >>> one = matrix.matrix() @ matrix.inverse_matrix()
      >>> isinstance(matrix, SquareMatrix), bool(tf.reduce_all(tf.abs(one - tf.eye(3)) < 1e-4))
      (True, True)
    """

    def matrix(self) -> tf.Tensor:
        """Returns W, `[C, C]`."""
        raise NotImplementedError

    def inverse_matrix(self) -> tf.Tensor:
        """Returns W⁻¹, `[C, C]`."""
        raise NotImplementedError

    def log_abs_det(self) -> tf.Tensor:
        """Returns log |det W|, a scalar, in nats."""
        raise NotImplementedError
