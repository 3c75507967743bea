"""Bounds of the largest singular value."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.ops.spectral_norm import convolution_norm_bound, matrix_norm_bound


def normal(*shape):
    return tf.constant(np.random.default_rng(0).standard_normal(shape))


def largest(matrix):
    return np.linalg.svd(matrix, compute_uv=False)[..., 0]


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (2, 40, 12)], ids=str)
def test_of_a_matrix(shape):
    """Above the largest singular value, and nearer with each round; equal ones are the worst case."""
    matrix = normal(*shape)
    bounds = [matrix_norm_bound(matrix, rounds).numpy() / largest(matrix) for rounds in (2, 4, 7)]
    rounding = 1.0 - 1e-12
    assert np.all(bounds[0] >= rounding * bounds[1]) and np.all(bounds[1] >= rounding * bounds[2])
    assert np.all(bounds[2] >= rounding) and np.all(bounds[2] <= shape[-1] ** (1 / 256) + 1e-12)
    orthogonal = tf.eye(64, dtype=tf.float64) * 3.0
    np.testing.assert_allclose(matrix_norm_bound(orthogonal), 3.0 * 64 ** (1 / 256))


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (6, 6)], ids=str)
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_of_a_convolution_with_zeros_around_the_image(size, kernel):
    weights = normal(kernel, kernel, 2, 3)
    basis = tf.reshape(tf.eye(size[0] * size[1] * 2, dtype=tf.float64), [-1, *size, 2])
    matrix = tf.reshape(tf.nn.conv2d(basis, weights, 1, "SAME"), [len(basis), -1])
    bound = float(convolution_norm_bound(weights, *size))
    assert bound >= largest(matrix)
    if min(size) == 6:
        assert bound < 1.4 * largest(matrix)


def test_float32_does_not_overflow_and_zeros_have_a_gradient():
    large = tf.cast(normal(8, 8), tf.float32) * 1e15
    assert 1.0 <= float(matrix_norm_bound(large)) / largest(large) < 1.02
    zeros = tf.zeros([3, 3, 2, 4])
    with tf.GradientTape() as tape:
        tape.watch(zeros)
        bound = convolution_norm_bound(zeros, 4, 4)
    assert 0.0 <= float(bound) < 1e-10 and np.all(np.isfinite(tape.gradient(bound, zeros)))


def test_the_gradient_is_that_of_the_norm():
    """u vᵀ, but for the other singular values' share."""
    matrix = normal(6, 4)
    with tf.GradientTape() as tape:
        tape.watch(matrix)
        bound = matrix_norm_bound(matrix, 9)
    u, _, v = np.linalg.svd(matrix)
    np.testing.assert_allclose(tape.gradient(bound, matrix), np.outer(u[:, 0], v[0]), atol=1e-6)


def test_its_gradient_is_taken_without_a_warning(caplog):
    """As of numbers that are complex on the way: that the imaginary part is lost would be said of each convolution."""
    logger, kernel = tf.get_logger(), tf.ones([3, 3, 2, 2])
    logger.addHandler(caplog.handler)
    try:
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            bound = convolution_norm_bound(kernel, 4, 4)
        assert np.all(np.isfinite(tape.gradient(bound, kernel)))
    finally:
        logger.removeHandler(caplog.handler)
    assert not caplog.records
