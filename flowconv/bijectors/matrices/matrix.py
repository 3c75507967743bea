"""What a 1×1 convolution asks of its matrix."""

import keras
import numpy as np
import tensorflow as tf


class SquareMatrix(keras.layers.Layer):
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


def random_rotation(channels: int, seed: int) -> np.ndarray:
    """Returns a rotation matrix (orthogonal, determinant 1), drawn uniformly, float64 `[C, C]`."""
    q, r = np.linalg.qr(np.random.default_rng(seed).standard_normal((channels, channels)))
    q *= np.sign(np.diag(r))  # makes the draw uniform (Mezzadri 2007)
    q[0] *= np.sign(np.linalg.det(q))
    return q
