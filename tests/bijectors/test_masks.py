"""How couplings divide an image."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors import ChannelMask, CheckerboardMask, StripeMask, SwapHalves
from flowconv.testing import jacobian, perturbed
from tests.layers import additive_coupling, affine_coupling

SHAPE = (3, 4, 2)
MASKS = {
    "channels": ChannelMask(),
    "colour_0": CheckerboardMask(0),
    "colour_1": CheckerboardMask(1),
    "stripes_0": StripeMask(0),
    "stripes_1": StripeMask(1),
}
every_mask = pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())


def changes(mask):
    """Where x_a is."""
    x = tf.reshape(tf.range(24.0), (1, *SHAPE))
    x_a, x_b = mask.split(x)
    return mask.merge(tf.ones_like(x_a), tf.zeros_like(x_b))[0].numpy() == 1


@every_mask
def test_halves_go_together_again(mask):
    x = tf.random.stateless_normal((2, *SHAPE), [0, 0])
    x_a, x_b = mask.split(x)
    assert x_a.shape == x_b.shape and 2 * tf.size(x_a) == tf.size(x)
    np.testing.assert_array_equal(mask.merge(x_a, x_b), x)
    assert mask.half_shape(SHAPE) == x_a.shape[1:]
    assert mask.network_shape(SHAPE) == mask.network_input(x_b).shape[1:]


def test_fields_alternate():
    row, column = np.indices(SHAPE[:2])
    for colour in (0, 1):
        np.testing.assert_array_equal(changes(CheckerboardMask(colour))[..., 0], (row + column) % 2 == colour)
        np.testing.assert_array_equal(changes(CheckerboardMask(colour))[..., 1], (row + column) % 2 == colour)


def test_columns_alternate():
    _, column = np.indices(SHAPE[:2])
    for parity in (0, 1):
        for channel in (0, 1):
            np.testing.assert_array_equal(changes(StripeMask(parity))[..., channel], column % 2 == parity)


@every_mask
def test_swapped_halves_are_each_other(mask):
    x = tf.random.stateless_normal((2, *SHAPE), [0, 0])
    halves, swapped = mask.split(x), mask.split(SwapHalves(mask).forward(x))
    np.testing.assert_array_equal(swapped[0], halves[1])
    np.testing.assert_array_equal(swapped[1], halves[0])


@pytest.mark.parametrize(
    ("mask", "shape", "line"),
    [
        (ChannelMask(), (4, 4, 3), "halves of the channels need an even number of them, got 3"),
        (CheckerboardMask(), (4, 5, 2), "a checkerboard needs an even width, got 5"),
        (StripeMask(), (4, 5, 2), "stripes need an even width, got 5"),
    ],
    ids=["channels", "checkerboard", "stripes"],
)
def test_what_has_no_halves_is_refused(mask, shape, line):
    with pytest.raises(ValueError, match=line):
        mask.half_shape(shape)


@every_mask
@pytest.mark.parametrize("make", [affine_coupling, additive_coupling])
def test_a_coupling_depends_on_nothing_it_may_not(mask, make):
    layer = perturbed(make(8, mask, dtype="float64"), SHAPE)
    matrix = jacobian(layer.forward, tf.constant(np.random.default_rng(0).standard_normal((1, *SHAPE))))
    a = changes(mask).ravel()
    np.testing.assert_array_equal(matrix[np.ix_(~a, ~a)], np.eye((~a).sum()))
    np.testing.assert_array_equal(matrix[np.ix_(~a, a)], 0.0)
    own = matrix[np.ix_(a, a)]
    np.testing.assert_array_equal(own, np.diag(np.diag(own)))
    assert np.count_nonzero(matrix[np.ix_(a, ~a)]) > a.sum()
