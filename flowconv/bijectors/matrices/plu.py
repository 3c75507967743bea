"""The PLU parameterization."""

import functools

import keras
import numpy as np
import scipy.linalg
import tensorflow as tf

from flowconv.bijectors.initialization import default_seed
from flowconv.bijectors.matrices.matrix import SquareMatrix, random_rotation
from flowconv.bijectors.numerics import LOG_SCALE_LIMIT, soft_clip


class _RotationFactor(keras.initializers.Initializer):
    """One factor of the PLU decomposition of a random rotation; factors of one seed belong together."""

    def __init__(self, factor, seed):
        self.factor = factor
        self.seed = seed

    def get_config(self):
        return {"factor": self.factor, "seed": self.seed}

    def __call__(self, shape, dtype=None):
        return tf.constant(_factors(shape[-1], self.seed)[self.factor], dtype)


@functools.lru_cache(maxsize=128)  # each is asked for once a factor
def _factors(channels, seed):
    p, lower, upper = scipy.linalg.lu(random_rotation(channels, seed))
    diagonal = np.diag(upper)
    limited = np.log(np.abs(diagonal)) / LOG_SCALE_LIMIT
    return {
        "permutation": np.argmax(p, axis=1),
        "triangles": np.tril(lower, -1) + np.triu(upper, 1),
        "sign": np.sign(diagonal),
        "log_diagonal": LOG_SCALE_LIMIT * np.arctanh(limited),
    }


class PLUMatrix(SquareMatrix):
    """W = P·L·(U + diag(s)), s = sign·exp(log|s|) (Kingma & Dhariwal 2018, section 3.2).

    P is a fixed permutation, L unit lower and U strictly upper triangular, so that
    log |det W| = Σ log|s| at no cost. s cannot reach 0: log|s| is softly clipped to ±8 and the signs are fixed.
    At first W is a random rotation. Inverse: two triangular solves, O(C³), in float64.
    """

    def build(self, input_shape):
        channels = input_shape[-1]
        square, diagonal = (channels, channels), (channels,)
        seed = default_seed()

        def add(factor, shape, **kwargs):
            return self.add_weight(shape=shape, initializer=_RotationFactor(factor, seed), name=factor, **kwargs)

        self.permutation = add("permutation", diagonal, dtype="int32", trainable=False)
        self.sign = add("sign", diagonal, trainable=False)
        self.triangles = add("triangles", square)  # L below the diagonal, U above
        self.log_diagonal_unclipped = add("log_diagonal", diagonal)

    @property
    def log_diagonal(self) -> tf.Tensor:
        """log|s|, `[C]`."""
        return soft_clip(self.log_diagonal_unclipped.value)

    def _triangles(self):
        lower = tf.linalg.band_part(self.triangles.value, -1, 0)
        upper = tf.linalg.band_part(self.triangles.value, 0, -1)
        return (
            tf.linalg.set_diag(lower, tf.ones_like(self.sign.value)),
            tf.linalg.set_diag(upper, self.sign.value * tf.exp(self.log_diagonal)),
        )

    def matrix(self):
        lower, upper = self._triangles()
        return tf.gather(lower @ upper, self.permutation.value, axis=0)

    def inverse_matrix(self):
        lower, upper = (tf.cast(t, tf.float64) for t in self._triangles())
        identity = tf.one_hot(self.permutation.value, lower.shape[-1], axis=0, dtype=tf.float64)
        solved = tf.linalg.triangular_solve(upper, tf.linalg.triangular_solve(lower, identity), lower=False)
        return tf.cast(solved, self.variable_dtype)

    def log_abs_det(self):
        return tf.reduce_sum(self.log_diagonal)
