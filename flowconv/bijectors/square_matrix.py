"""Invertible square matrices."""

import tensorflow as tf

from flowconv.core.layer import Layer


class SquareMatrix(Layer):
    """An invertible C×C matrix W, however it is parameterized."""

    def matrix(self) -> tf.Tensor:
        """Returns W, `[C, C]`."""
        raise NotImplementedError

    def inverse_matrix(self) -> tf.Tensor:
        """Returns W⁻¹, `[C, C]`."""
        raise NotImplementedError

    def log_abs_det(self) -> tf.Tensor:
        """Returns log |det W|, a scalar, in nats."""
        raise NotImplementedError
