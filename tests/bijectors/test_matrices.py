"""The matrices of the 1×1 convolution."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors.matrices import MATRICES, build_matrix
from flowconv.bijectors.rotations import reflections
from flowconv.ops.linalg import log_abs_det
from flowconv.testing import perturb

every_matrix = pytest.mark.parametrize("name", MATRICES)
every_rotation = pytest.mark.parametrize("name", [name for name in MATRICES if name not in ("near_identity", "lu")])


def built(name, channels=12, dtype="float64", seed=0):
    matrix = build_matrix(name, dtype=dtype)
    matrix.build((None, 4, 4, channels))
    if seed is not None:
        matrix.reset_weights(seed)
    return matrix


@every_matrix
def test_is_the_identity_until_it_is_drawn(name):
    np.testing.assert_allclose(built(name, seed=None).matrix(), np.eye(12), atol=1e-15)


@every_rotation
def test_is_drawn_as_a_random_rotation(name):
    values = [built(name, seed=seed).matrix().numpy() for seed in range(2)]
    for value in values:
        np.testing.assert_allclose(value @ value.T, np.eye(12), atol=1e-12)
        np.testing.assert_allclose(np.linalg.det(value), 1.0)
    assert np.max(np.abs(values[0] - values[1])) > 0.1
    np.testing.assert_array_equal(built(name).matrix(), values[0])


def test_one_matrix_is_drawn_as_nearly_the_identity():
    noise = [1e3 * (built("near_identity", 48, seed=seed).matrix() - np.eye(48)) for seed in range(2)]
    np.testing.assert_allclose([np.mean(noise), np.std(noise)], [0.0, 1.0], atol=0.06)
    assert np.max(np.abs(noise[0] - noise[1])) > 0.1


def test_lu_is_drawn_as_the_identity_and_never_singular():
    np.testing.assert_array_equal(built("lu").matrix(), np.eye(12))
    matrix = built("lu", 4)
    matrix.log_diagonal_unclipped.assign([-1e6, 1e6, -np.inf, np.inf])
    np.testing.assert_allclose(matrix.inverse_matrix() @ matrix.matrix(), np.eye(4), atol=1e-9)


@every_matrix
@pytest.mark.parametrize("channels", [1, 2, 12, 48])
def test_inverse_and_determinant(name, channels):
    matrix = built(name, channels)
    perturb(matrix)
    value = matrix.matrix().numpy()
    np.testing.assert_allclose(matrix.inverse_matrix() @ value, np.eye(channels), atol=1e-9)
    np.testing.assert_allclose(matrix.log_abs_det(), np.linalg.slogdet(value)[1], atol=1e-10)


@pytest.mark.parametrize("scale", [0.1, 10.0])
def test_an_orthogonal_matrix_stays_a_rotation(scale):
    matrix = built("orthogonal", dtype="float32")
    perturb(matrix, scale)
    value = matrix.matrix().numpy()
    np.testing.assert_allclose(value @ value.T, np.eye(12), atol=2e-6)
    np.testing.assert_allclose(np.linalg.det(value), 1.0, atol=1e-5)
    assert np.linalg.cond(value) < 1.00001
    assert matrix.trainable_variables[0].shape == (12 * 11 // 2,)


def test_reflections_are_the_product_of_their_matrices():
    vectors = np.random.default_rng(0).standard_normal((5, 3))
    expected = np.eye(5)
    for v in vectors.T:
        expected = expected @ (np.eye(5) - 2 * np.outer(v, v) / (v @ v))
    np.testing.assert_allclose(reflections(tf.constant(vectors)), expected, atol=1e-12)


@pytest.mark.parametrize("raw", [1e6, -1e6, np.inf, -np.inf])
def test_plu_has_no_zero_on_its_diagonal(raw):
    matrix = built("plu", 4)
    matrix.log_diagonal_unclipped.assign(np.full(4, raw))
    assert np.isfinite(matrix.log_abs_det())
    value, inverse = matrix.matrix().numpy(), matrix.inverse_matrix().numpy()
    condition = np.linalg.norm(value) * np.linalg.norm(inverse)
    np.testing.assert_allclose(inverse @ value, np.eye(4), atol=1e-14 * condition)


def test_log_abs_det_has_the_transposed_inverse_as_gradient():
    value = tf.constant(np.random.default_rng(0).standard_normal((3, 5, 5)))
    with tf.GradientTape() as tape:
        tape.watch(value)
        result = log_abs_det(value)
    np.testing.assert_allclose(result, np.linalg.slogdet(value)[1], atol=1e-12)
    expected = np.linalg.inv(value).transpose(0, 2, 1)
    np.testing.assert_allclose(tape.gradient(result, value), expected, atol=1e-10)
