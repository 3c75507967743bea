"""Determinants, inverses and singular values of square matrices, in float64."""

from typing import Any

import numpy as np
import tensorflow as tf

from flowconv.ops.custom_gradient import custom_gradient


def log_abs_det(matrix: tf.Tensor) -> tf.Tensor:
    """Returns log |det W| of square matrices `[..., C, C]`, computed in float64 from W = QR.

    XLA has no kernel for LU-based determinants; it has one for QR. The gradient is W⁻ᵀ.
    """
    return _log_abs_det(matrix)


@custom_gradient
def _log_abs_det(matrix: tf.Tensor) -> Any:
    q, r = tf.linalg.qr(tf.cast(matrix, tf.float64))
    result = tf.cast(tf.reduce_sum(tf.math.log(tf.abs(tf.linalg.diag_part(r))), axis=-1), matrix.dtype)

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
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
