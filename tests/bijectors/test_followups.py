"""Convolutions of the follow-up literature against dense matrices, with their limits."""

import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf

from flowconv import bijectors
from flowconv.bijectors import ConvolutionExponential, Invert, LowRank, RowAutoregressive
from flowconv.bijectors.autoregressive_convolution import AutoregressiveConvolution, AutoregressivePair
from flowconv.config import backward_of
from flowconv.ops.triangular_solve import solve, substitute_back
from flowconv.testing import jacobian, perturbed

KERNELS = [(1, (3, 2, 4)), (3, (4, 3, 4)), (5, (3, 4, 4)), (9, (3, 3, 4)), (5, (1, 2, 3))]  # of images


def images(shape, n=2, dtype="float64"):
    return tf.constant(np.random.default_rng(1).standard_normal((n, *shape)), dtype)


def flat(x):
    return np.asarray(x).reshape(len(x), -1)


def dense(kernel, shape):
    """The matrix of y_ij = Σ_ab K_ab x_{i + a − k//2, j + b − k//2} with zeros around the image."""
    height, width, channels = shape
    size = kernel.shape[0]
    matrix = np.zeros((*shape, *shape))
    for i in range(height):
        for j in range(width):
            for a in range(size):
                for b in range(size):
                    row, column = i + a - size // 2, j + b - size // 2
                    if 0 <= row < height and 0 <= column < width:
                        matrix[i, j, :, row, column, :] += kernel[a, b].T
    return matrix.reshape(height * width * channels, -1)


@pytest.mark.parametrize(("kernel_size", "shape"), KERNELS)
def test_inverse_emerging_is_the_inverse_of_a_pair(kernel_size, shape):
    layer = perturbed(bijectors.InverseEmergingConvolution(kernel_size, dtype="float64"), shape)
    first, inverse = layer.layers
    one, two = inverse.layer.layers
    pair = np.eye(np.prod(shape))
    for part in (one, two):
        taps = part.kernel().numpy()
        kernel = np.zeros((2 * len(taps) - 1, 2 * len(taps) - 1, *taps.shape[2:]))
        if part.reverse:
            kernel[: len(taps), : len(taps)] = taps[::-1, ::-1]
        else:
            kernel[len(taps) - 1 :, len(taps) - 1 :] = taps
        pair = dense(kernel, shape) @ pair
    matrix = np.linalg.inv(pair) @ np.kron(np.eye(shape[0] * shape[1]), first.weight.matrix().numpy())
    x = images(shape)
    np.testing.assert_allclose(flat(layer.forward(x)), flat(x) @ matrix.T, atol=1e-10)
    np.testing.assert_allclose(flat(layer.inverse(x)), np.linalg.solve(matrix, flat(x).T).T, atol=1e-10)
    np.testing.assert_allclose(layer.forward_log_det_jacobian(x), np.linalg.slogdet(matrix)[1], atol=1e-10)


def test_the_gradient_of_a_substitution_is_that_of_its_steps():
    """First and second derivatives, by the image and by the weights."""
    shape = (3, 4, 2)
    pair = perturbed(AutoregressivePair(dtype="float64"), shape)
    y, probe = images(shape), images(shape)[::-1]

    def derivatives(function):
        values = [variable.value for variable in pair.trainable_variables]
        with tf.GradientTape(persistent=True) as outer:
            outer.watch([y, *values])
            with tf.GradientTape() as tape:
                tape.watch([y, *values])
                result = tf.reduce_sum(tf.sin(function(y)) * probe)
            first = tape.gradient(result, [y, *values])
            total = tf.add_n([tf.reduce_sum(tf.cos(each)) for each in first])
        return [*first, *outer.gradient(total, [y, *values], unconnected_gradients="zero")]

    found = derivatives(lambda y: solve([y], pair.systems())[0])
    expected = derivatives(lambda y: substitute_back([y], pair.systems()[::-1])[0])
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)
        assert np.max(np.abs(b)) > 1e-3


def test_a_bijector_is_inverted():
    layer = perturbed(Invert(AutoregressiveConvolution(dtype="float64"), dtype="float64"), (3, 3, 2))
    x = images((3, 3, 2))
    np.testing.assert_array_equal(layer.forward(x), layer.layer.inverse(x))
    matrix = perturbed(Invert(bijectors.Conv1x1("direct", dtype="float64"), dtype="float64"), (2, 2, 3))
    (found,), (other,) = matrix.singular_values().values(), matrix.layer.singular_values().values()
    np.testing.assert_allclose(np.sort(found), np.sort(1.0 / other))


@pytest.mark.parametrize("scale", [0.02, 0.3, 30.0])
@pytest.mark.parametrize(("kernel_size", "shape"), KERNELS)
def test_the_exponential_is_that_of_a_matrix(kernel_size, shape, scale):
    """However large its taps are, the norm is at most 0.95; the log-determinant is the trace."""
    layer = perturbed(ConvolutionExponential(kernel_size, dtype="float64"), shape, scale=scale)
    matrix = dense(layer.kernel().numpy(), shape)
    assert np.linalg.norm(matrix, 2) <= 0.95
    expected = scipy.linalg.expm(matrix)
    x = images(shape)
    np.testing.assert_allclose(flat(layer.forward(x)), flat(x) @ expected.T, atol=1e-12)
    np.testing.assert_allclose(flat(layer.inverse(x)), np.linalg.solve(expected, flat(x).T).T, atol=1e-12)
    np.testing.assert_allclose(layer.forward_log_det_jacobian(x), np.trace(matrix), atol=1e-12)
    np.testing.assert_allclose(np.linalg.slogdet(expected)[1], np.trace(matrix), atol=1e-12)


def test_the_norm_of_an_exponential_s_convolution_can_be_0_95():
    """Where all taps add up, the bound is tight but for the border: of blocks of ones, 0.95·(mean neighbours)/k²."""
    layer = ConvolutionExponential(3, dtype="float64")
    layer.build((None, 12, 12, 1))
    layer.taps.assign(np.ones((3, 3, 1, 1)))
    assert np.linalg.norm(dense(layer.kernel().numpy(), (12, 12, 1)), 2) > 0.85
    layer.taps.assign(np.full((3, 3, 1, 1), 1e-3))
    np.testing.assert_array_equal(layer.kernel(), layer.taps.value)  # which need no scaling


def test_an_exponential_comes_back_in_float32():
    shape = (8, 8, 6)
    layer = perturbed(ConvolutionExponential(3), shape, scale=1.0)
    x = images(shape, dtype="float32")
    np.testing.assert_allclose(layer.inverse(layer.forward(x)), x, atol=1e-5)
    assert np.max(np.abs(layer.forward(x) - x)) > 0.1


@pytest.mark.parametrize("scale", [0.1, 1.0, 100.0])
@pytest.mark.parametrize(("over", "shape"), [("channels", (2, 3, 5)), ("pixels", (3, 4, 2)), ("pixels", (1, 1, 3))])
def test_a_low_rank_map_is_a_matrix(over, shape, scale):
    layer = perturbed(LowRank(over, 3, dtype="float64"), shape, scale=scale)
    u, v = (factor.numpy() for factor in layer.factors())
    small = np.eye(len(u)) + u @ v
    others = np.eye(np.prod(shape) // len(u))
    matrix = np.kron(others, small) if over == "channels" else np.kron(small, others)
    x = images(shape)
    np.testing.assert_allclose(flat(layer.forward(x)), flat(x) @ matrix.T, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(layer.forward_log_det_jacobian(x), np.linalg.slogdet(matrix)[1], atol=1e-9)
    assert np.min(np.abs(np.linalg.eigvals(small))) >= 0.05 - 1e-9
    error = np.max(np.abs(layer.inverse(layer.forward(x)) - x))
    assert error < 1e-13 * np.linalg.cond(small) ** 2
    values = np.linalg.svd(small, compute_uv=False)
    found = layer.singular_values()["low_rank"]
    found = np.append(found, np.ones(len(u) - len(found)))  # all others are 1
    np.testing.assert_allclose([found.max(), found.min()], [values.max(), values.min()], rtol=1e-6)


def test_woodbury_belongs_to_one_resolution():
    layer = perturbed(bijectors.WoodburyConvolution(4, dtype="float64"), (4, 4, 3))
    matrix = jacobian(layer.forward, images((4, 4, 3), 1))
    assert np.all(matrix != 0)  # every number sees every one
    with pytest.raises(ValueError, match=r"expected floats \[B, 4, 4, 3\], got float64 \(2, 4, 5, 3\)"):
        layer.forward(images((4, 5, 3)))


@pytest.mark.parametrize("order", ["down", "up", "right", "left"])
@pytest.mark.parametrize(("kernel_size", "rows"), [(1, 1), (3, 2), (5, 3), (9, 5)])
def test_a_row_depends_on_rows_before(kernel_size, rows, order):
    """On all of the mask, and on nothing else."""
    shape = (4, 5, 2)
    layer = perturbed(RowAutoregressive(kernel_size, order, dtype="float64"), shape, scale=0.3)
    matrix = jacobian(layer.forward, images(shape, 1)).reshape(shape * 2)
    row, column, channel, from_row, from_column, from_channel = np.indices(matrix.shape)
    before, beside = row - from_row, column - from_column
    before, beside = (beside, before) if order in ("right", "left") else (before, beside)
    before = -before if order in ("up", "left") else before
    allowed = (before >= 1) & (before <= rows) & (np.abs(beside) <= kernel_size // 2)
    allowed |= (before == 0) & (beside == 0) & (channel == from_channel)
    np.testing.assert_array_equal(matrix != 0, allowed)


def test_macow_is_not_trained_by_inverting_in_float32():
    assert backward_of({"model.convolution": "macow"}) == "recompute"
    assert backward_of({"model.convolution": "macow", "model.precision": "float64"}) == "invert"
    assert backward_of({"model.convolution": "grouped_shift"}) == "invert"


@pytest.mark.parametrize("channels", [4, 8, 3, 6])
@pytest.mark.parametrize("kernel_size", [1, 3, 9])
def test_four_corners_are_four_triangular_convolutions(kernel_size, channels):
    shape = (3, 4, channels)
    layer = perturbed(bijectors.FourCornerConvolution(kernel_size, dtype="float64"), shape).layers[1]
    window = kernel_size // 2 + 1
    kernel = np.zeros((2 * window - 1, 2 * window - 1, channels, channels))  # [a, b, in, out], the middle at (0, 0)
    taps = layer.taps.numpy()
    for number, group in enumerate(np.array_split(np.arange(channels), 4)):
        own = taps[:, :, number, : len(group), : len(group)].copy()
        own[0, 0] = np.triu(own[0, 0], 1) + np.eye(len(group))
        down, right = (-1 if number % 2 else 1), (-1 if number >= 2 else 1)
        for a in range(window):
            for b in range(window):
                kernel[np.ix_([window - 1 + down * a], [window - 1 + right * b], group, group)] = own[a, b]
    matrix = dense(kernel, shape)
    x = images(shape)
    np.testing.assert_allclose(flat(layer.forward(x)), flat(x) @ matrix.T, atol=1e-12)
    np.testing.assert_allclose(flat(layer.inverse(x)), np.linalg.solve(matrix, flat(x).T).T, atol=1e-10)
    np.testing.assert_allclose(np.linalg.slogdet(matrix)[1], 0.0, atol=1e-10)
    np.testing.assert_array_equal(layer.forward_log_det_jacobian(x), 0.0)
    np.testing.assert_array_equal((jacobian(layer.forward, x[:1]) != 0), matrix != 0)
