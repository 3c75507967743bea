"""Determinants, inverses and singular values of square matrices, in float64."""

from typing import Any

import numpy as np
import tensorflow as tf

from flowconv.ops.backends import compiles_with_xla
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


def complex_log_abs_det(real: tf.Tensor, imaginary: tf.Tensor) -> tf.Tensor:
    """Returns log |det (A + iB)| of square matrices `[..., C, C]`, from W = LU."""
    if compiles_with_xla():  # which has no LU
        return 0.5 * log_abs_det(_real_form(real, imaginary))
    return tf.math.real(tf.linalg.slogdet(tf.complex(real, imaginary)).log_abs_determinant)


def complex_inverse(real: tf.Tensor, imaginary: tf.Tensor) -> tf.Tensor:
    """Returns (A + iB)⁻¹ of square matrices `[..., C, C]`, complex numbers of their precision."""
    if compiles_with_xla():
        channels, inverted = real.shape[-1], inverse(_real_form(real, imaginary))
        return tf.complex(inverted[..., :channels, :channels], inverted[..., channels:, :channels])
    return tf.linalg.inv(tf.complex(real, imaginary))


def _real_form(real: tf.Tensor, imaginary: tf.Tensor) -> tf.Tensor:
    """Returns [[A, −B], [B, A]], whose determinant is |det (A + iB)|²."""
    return tf.concat([tf.concat([real, -imaginary], axis=-1), tf.concat([imaginary, real], axis=-1)], axis=-2)


def singular_values(matrices: np.ndarray) -> np.ndarray:
    """Returns the singular values `[..., C]` of matrices `[..., C, C]`; NaN for all, if a number isn't finite."""
    if not np.isfinite(matrices).all():
        return np.full(matrices.shape[:-1], np.nan)
    return np.linalg.svd(matrices, compute_uv=False)
