"""Bounds of the largest singular value of matrices and of convolutions, without state and with a gradient."""

import numpy as np
import tensorflow as tf

ROUNDS = 7  # a bound is at most n^(1/256) times the value, 1.025 of 512 singular values that are equal
TINY = 1e-30  # under a root, whose slope at 0 is infinite


def matrix_norm_bound(matrix: tf.Tensor, rounds: int = ROUNDS) -> tf.Tensor:
    """Returns upper bounds of the largest singular values of matrices `[…, m, n]`, real or complex.

    Of the singular values σ it is (Σ σ^p)^(1/p) with p = 2^(rounds + 1), the Schatten norm: never below the largest
    one. Power iteration approaches it from below, and needs a vector that is kept from step to step. Squaring the Gram
    matrix (Delattre et al. 2023) needs none: it depends on the matrix alone, and is the same on all ranks.
    """
    matrix = tf.convert_to_tensor(matrix)
    gram = matrix if matrix.shape[-2] >= matrix.shape[-1] else tf.linalg.adjoint(matrix)
    log_norm, power = tf.math.log(_frobenius(gram)), 1.0
    total = log_norm
    for _ in range(rounds):
        norm = tf.exp(log_norm)[..., None, None]
        # Not by tf.cast, of whose gradient TensorFlow warns.
        gram = gram / (tf.complex(norm, tf.zeros_like(norm)) if gram.dtype.is_complex else norm)  # no power overflows
        gram = tf.matmul(gram, gram, adjoint_a=True)
        log_norm, power = tf.math.log(_frobenius(gram)), 2.0 * power
        total += log_norm / power
    return tf.exp(total)


def convolution_norm_bound(kernel: tf.Tensor, height: int, width: int, rounds: int = ROUNDS) -> tf.Tensor:
    """Returns an upper bound of the largest singular value of a convolution of images with zeros around them.

    On a periodic grid that is k//2 pixels larger the same kernel does the same to these images and more beside them, so
    that its largest singular value is no smaller. It is the largest of the matrices of that grid's frequencies.

    Args:
      kernel: `[k, k, C, F]`, k odd.
      height, width: of the images.
      rounds: of `matrix_norm_bound`.
    """
    size, _, channels, filters = kernel.shape
    if size == 1:
        return matrix_norm_bound(tf.reshape(kernel, [channels, filters]), rounds)
    height, width = height + size // 2, width + size // 2
    taps = np.arange(size)
    rows = np.exp(2j * np.pi * np.outer(np.arange(height), taps) / height)
    columns = np.exp(2j * np.pi * np.outer(np.arange(width // 2 + 1), taps) / width)  # others are conjugates of these
    phases = np.einsum("ua,vb->uvab", rows, columns).reshape(-1, size**2)
    flat = tf.reshape(kernel, [size**2, channels * filters])
    real, imaginary = (tf.matmul(tf.constant(part, flat.dtype), flat) for part in (phases.real, phases.imag))
    matrices = tf.reshape(tf.complex(real, imaginary), [-1, channels, filters])
    return tf.reduce_max(matrix_norm_bound(matrices, rounds))


def _frobenius(matrix: tf.Tensor) -> tf.Tensor:
    """The Frobenius norm of matrices `[…, m, n]`, a little more than 0 of zeros."""
    squares = tf.math.real(matrix) ** 2 + tf.math.imag(matrix) ** 2 if matrix.dtype.is_complex else matrix**2
    return tf.sqrt(tf.reduce_sum(squares, [-2, -1]) + TINY)
