"""Grouped shifts and their convolution against matrices that are built pixel by pixel."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors import GroupedShift, GroupedShiftConvolution, Inputs
from flowconv.testing import check_gradients, jacobian, perturbed

BORDERS = ("periodic", "conveyor")
GROUPINGS = ("neighbouring", "alternating")
SHAPES = [(4, 4, 8), (3, 5, 12), (1, 4, 6), (2, 1, 16), (1, 1, 4), (3, 3, 3)]


def images(shape, n=2):
    return tf.constant(np.random.default_rng(1).standard_normal((n, *shape)))


def source(i, c, partner, a, size, border):
    """The place, and the channel, along one axis, that number i of channel c has after a shift by a, step by step.

    A conveyor's channel runs forwards or, as a partner, backwards, and turns into the other one at an end.
    """
    if border == "periodic":
        return (i + a) % size, c
    first, second = partner
    backwards = c == second
    for _ in range(abs(a)):
        i += 1 if (a > 0) != backwards else -1
        if not 0 <= i < size:
            i = min(max(i, 0), size - 1)
            backwards, c = not backwards, first if c == second else second
    return i, c


def groups_of(channels, count, interleaved):
    """The channels of each group, by dealing them out or by cutting them apart."""
    if not interleaved:
        return np.array_split(np.arange(channels), count)
    return [np.array([c for c in range(channels) if c % count == group], int) for group in range(count)]


def shift_matrix(shape, offsets, border, interleaved=False):
    """The permutation, as a matrix, of y_c[i, j] = x_c[i + a, j + b]."""
    height, width, channels = shape
    matrix = np.zeros((*shape, *shape))
    for group, (a, b) in zip(groups_of(channels, len(offsets), interleaved), offsets, strict=True):
        half = len(group) // 2
        for n, c in enumerate(group):
            if border == "conveyor" and n == 2 * half:  # an odd one
                matrix[:, :, c, :, :, c] = np.eye(height * width).reshape(height, width, height, width)
                continue
            pair = (group[n % half], group[n % half + half]) if half else ()
            for i in range(height):
                for j in range(width):
                    column, channel = source(j, c, pair, b, width, border)  # of the image that rows are shifted of
                    row, channel = source(i, channel, pair, a, height, border)
                    matrix[i, j, c, row, column, channel] = 1.0
    return matrix.reshape(height * width * channels, -1)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_grouped_shift_is_this_permutation(shape, interleaved, border):
    """Of offsets up to several times the image."""
    x = images(shape)
    for offsets in ([(0, 0), (0, 1), (1, 0), (1, 1)], [(-1, 2), (3, -4)], [(0, 7), (-9, 0), (1, -1)]):
        matrix = shift_matrix(shape, offsets, border, interleaved)
        assert np.all(matrix.sum(axis=0) == 1) and np.all(matrix.sum(axis=1) == 1)
        layer = GroupedShift(offsets, border, interleaved, dtype="float64")
        layer.build((None, *shape))
        y = layer.forward(x)
        np.testing.assert_array_equal(y.numpy().reshape(2, -1), x.numpy().reshape(2, -1) @ matrix.T)
        np.testing.assert_array_equal(layer.inverse(y), x)
        check_gradients(layer, x, inputs=layer_inputs(), tolerance=1e-12)


def layer_inputs():
    """A condition, whose gradient is zero."""
    return Inputs(images((1, 1, 2)))


def window(kernel_size, sign=1):
    """The offsets of a round, in the order of the groups."""
    return [(sign * a, sign * b) for a in range(kernel_size // 2 + 1) for b in range(kernel_size // 2 + 1)]


@pytest.mark.parametrize(("border", "grouping"), [*zip(BORDERS, GROUPINGS, strict=True), ("conveyor", GROUPINGS[0])])
@pytest.mark.parametrize("kernel_size", [1, 3, 5, 9])
@pytest.mark.parametrize("shape", [(4, 3, 8), (2, 2, 12), (1, 3, 4), (1, 1, 3)])
def test_the_convolution_is_a_product_of_matrices(shape, kernel_size, border, grouping):
    """Kernels from one pixel to wider than the image; forward, inverse and determinant."""
    layer = perturbed(GroupedShiftConvolution(kernel_size, 3, border, grouping, dtype="float64"), shape)
    pixels, channels = shape[0] * shape[1], shape[2]
    first, rounds = layer.layers[0].weight.matrix().numpy(), [each.numpy() for each in layer.layers[1].matrices()]
    assert len(rounds) == 3
    matrix = np.kron(np.eye(pixels), first)
    for number, weight in enumerate(rounds):
        interleaved = grouping == "alternating" and number == 1
        shift = shift_matrix(shape, window(kernel_size, -1 if number % 2 else 1), border, interleaved)
        matrix = shift.T @ np.kron(np.eye(pixels), weight) @ shift @ matrix
    assert matrix.shape == (pixels * channels, pixels * channels)
    x = images(shape)
    flat = x.numpy().reshape(2, -1)
    np.testing.assert_allclose(layer.forward(x).numpy().reshape(2, -1), flat @ matrix.T, atol=1e-12)
    np.testing.assert_allclose(layer.inverse(x).numpy().reshape(2, -1), np.linalg.solve(matrix, flat.T).T, atol=1e-10)
    np.testing.assert_allclose(layer.forward_log_det_jacobian(x), np.linalg.slogdet(matrix)[1], atol=1e-10)


def seen(layer, shape):
    """The differences in rows and columns, and channels, of what is not zero in the Jacobian: of output, of input."""
    matrix = jacobian(layer.forward, images(shape, 1)).reshape(shape * 2)
    row, column, channel, from_row, from_column, from_channel = np.nonzero(matrix)
    height, width = shape[:2]
    # Nearest, around the borders.
    rows = (from_row - row + height // 2) % height - height // 2
    columns = (from_column - column + width // 2) % width - width // 2
    return {*zip(rows.tolist(), columns.tolist(), channel.tolist(), from_channel.tolist(), strict=True)}


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_a_round_has_one_tap_for_each_pair_of_channels(kernel_size):
    """At the difference of their offsets, exactly; together these are the k×k window."""
    shape = (7, 6, (kernel_size // 2 + 1) ** 2 * 2)
    layer = perturbed(GroupedShiftConvolution(kernel_size, 1, "periodic", dtype="float64"), shape)
    offsets = np.repeat(window(kernel_size), 2, axis=0)
    expected = {(*(offsets[d] - offsets[c]).tolist(), c, d) for c in range(shape[-1]) for d in range(shape[-1])}
    first = layer.layers[0]
    first.weight.triangles.assign(tf.zeros_like(first.weight.triangles))  # so that the 1×1 mixes no channels
    first.weight.permutation.assign(np.arange(shape[-1]))
    assert seen(layer, shape) == expected
    border = kernel_size // 2
    every = {(a, b) for a in range(-border, border + 1) for b in range(-border, border + 1)}
    assert {place[:2] for place in expected} == every


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_alternating_groups_part_channels_that_were_together(grouping):
    """Of which two channels one sees the other at another place: all, but those that share both groups."""
    shape = (5, 6, 8)
    layer = perturbed(GroupedShiftConvolution(3, 2, "periodic", grouping, dtype="float64"), shape)
    # Near the identity, so that what one round mixes the next one doesn't spread.
    layer.layers[1].weight.triangles.assign(tf.fill([2, 8, 8], tf.constant(1e-3, tf.float64)))
    layer.layers[0].weight.triangles.assign(tf.zeros([8, 8], "float64"))
    layer.layers[0].weight.permutation.assign(np.arange(8))
    matrix = jacobian(layer.forward, images(shape, 1)).reshape(shape * 2)
    strength = np.zeros((8, 8))
    for row, column, channel, from_row, from_column, from_channel in np.argwhere(np.abs(matrix) > 1e-4):
        if (row, column) != (from_row, from_column):
            strength[channel, from_channel] = 1
    groups = np.arange(8) // 2, np.arange(8) % 4
    parted = groups[0][:, None] != groups[0]
    if grouping == "alternating":
        parted |= groups[1][:, None] != groups[1]
    np.testing.assert_array_equal(strength, parted)


@pytest.mark.parametrize(("border", "rounds", "reach"), [("periodic", 1, 1), ("periodic", 2, 2), ("conveyor", 1, 2)])
def test_what_a_pixel_sees(border, rounds, reach):
    """All of the window that is promised, and nothing beyond it."""
    shape = (7, 7, 8)
    layer = perturbed(GroupedShiftConvolution(3, rounds, border, dtype="float64"), shape)
    matrix = jacobian(layer.forward, images(shape, 1)).reshape(shape * 2)
    found = np.argwhere(np.any(matrix[3, 3] != 0, axis=(0, 3))) - 3
    assert {tuple(place) for place in found.tolist()} <= {
        (a, b) for a in range(-reach, reach + 1) for b in range(-reach, reach + 1)
    }
    assert np.abs(found).max() == reach
    corner = np.argwhere(np.any(matrix[0, 0] != 0, axis=(0, 3)))
    assert (corner.max() > reach) == (border == "periodic")  # a conveyor brings nothing from the far side


def test_it_starts_as_its_1x1_convolution():
    layer = GroupedShiftConvolution(dtype="float64")
    layer.build((None, 4, 4, 8))
    layer.reset_weights(0)
    x = images((4, 4, 8))
    np.testing.assert_allclose(layer.forward(x), layer.layers[0].forward(x), atol=1e-15)
    assert np.max(np.abs(layer.forward(x) - x)) > 0.1
