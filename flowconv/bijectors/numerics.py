"""Numerical helpers that keep flows invertible."""

import numpy as np
import tensorflow as tf

BOUND = 60.0  # of a log-scale that data set: exp(−60) to exp(60) is all that a float32 map has both ways
LOG_SCALE_LIMIT = 8.0  # of a log|scale|: no learning rate brings exp(±8) to 0 or to infinity


def soft_clip(x: tf.Tensor) -> tf.Tensor:
    """Returns 8·tanh(x / 8): x near 0, never beyond ±LOG_SCALE_LIMIT, with a gradient everywhere near."""
    return LOG_SCALE_LIMIT * tf.tanh(x / LOG_SCALE_LIMIT)


def bounded(x: tf.Tensor) -> tf.Tensor:
    """Returns a log-scale x as it is, but never beyond ±60: exp(x) is then not 0, and leaves room below infinity."""
    return tf.clip_by_value(x, -BOUND, BOUND)


def log_abs_det(matrix: tf.Tensor) -> tf.Tensor:
    """Returns log |det W| of square matrices `[..., C, C]`, computed in float64 from W = QR.

    XLA has no kernel for LU-based determinants; it has one for QR. The gradient is W⁻ᵀ.
    """
    return _log_abs_det(matrix)


@tf.custom_gradient
def _log_abs_det(matrix):
    q, r = tf.linalg.qr(tf.cast(matrix, tf.float64))
    result = tf.cast(tf.reduce_sum(tf.math.log(tf.abs(tf.linalg.diag_part(r))), axis=-1), matrix.dtype)

    def gradient(upstream):
        inverse = tf.linalg.triangular_solve(r, tf.linalg.matrix_transpose(q), lower=False)
        return upstream[..., None, None] * tf.cast(tf.linalg.matrix_transpose(inverse), matrix.dtype)

    return result, gradient


def inverse(matrix: tf.Tensor) -> tf.Tensor:
    """Returns W⁻¹ of square matrices `[..., C, C]`, computed in float64 from W = QR."""
    q, r = tf.linalg.qr(tf.cast(matrix, tf.float64))
    return tf.cast(tf.linalg.triangular_solve(r, tf.linalg.matrix_transpose(q), lower=False), matrix.dtype)


def singular_values(matrices: np.ndarray) -> np.ndarray:
    """Returns the singular values `[..., C]` of matrices `[..., C, C]`; NaN for all, if a number isn't finite."""
    if not np.isfinite(matrices).all():
        return np.full(matrices.shape[:-1], np.nan)
    return np.linalg.svd(matrices, compute_uv=False)
