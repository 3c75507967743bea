"""How couplings divide an image."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors import (
    AlternatingMask,
    ChannelMask,
    CheckerboardMask,
    PackedMask,
    ShuffledChannelMask,
    StripeMask,
    SwapHalves,
)
from flowconv.testing import jacobian, perturbed
from tests.layers import additive_coupling, affine_coupling

SHAPE = (6, 4, 2)
MASKS = {
    "channels": ChannelMask(),
    "colour_0": CheckerboardMask(0),
    "colour_1": CheckerboardMask(1),
    "stripes_0": StripeMask(0),
    "stripes_1": StripeMask(1),
    "rows_0": StripeMask(0, "rows"),
    "rows_1": StripeMask(1, "rows"),
    "alternating_0": AlternatingMask(0),
    "alternating_1": AlternatingMask(1),
    "shown_fields": CheckerboardMask(1, shown=True),
    "shuffled_channels": ShuffledChannelMask(1),
    "packed_fields": PackedMask(CheckerboardMask(0)),
    "packed_columns": PackedMask(StripeMask(1)),
    "packed_rows": PackedMask(StripeMask(0, "rows")),
}
every_mask = pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())


def changes(mask):
    """Where x_a is."""
    x = tf.reshape(tf.range(48.0), (1, *SHAPE))
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


def test_rows_alternate():
    row, _ = np.indices(SHAPE[:2])
    for parity in (0, 1):
        for channel in (0, 1):
            np.testing.assert_array_equal(changes(StripeMask(parity, "rows"))[..., channel], row % 2 == parity)


def test_numbers_alternate():
    for parity in (0, 1):
        np.testing.assert_array_equal(changes(AlternatingMask(parity)).ravel(), np.arange(48) % 2 == parity)


def test_a_network_that_sees_the_mask_sees_what_stays():
    mask, x = CheckerboardMask(1, shown=True), tf.random.stateless_normal((2, *SHAPE), [0, 0])
    seen = mask.network_input(mask.split(x)[1])
    np.testing.assert_array_equal(seen[..., -1], np.broadcast_to(~changes(mask)[..., 0], seen.shape[:-1]))
    np.testing.assert_array_equal(seen[..., :-1], CheckerboardMask(1).network_input(mask.split(x)[1]))


def test_shuffled_channels_are_those_of_their_seed():
    """Half of them each time, the same of the same seed, and others of others."""
    halves = [ShuffledChannelMask(seed).split(tf.reshape(tf.range(12.0), (1, 1, 1, 12))) for seed in (0, 0, 1, 2)]
    orders = [tuple(np.ravel(tf.concat(pair, -1))) for pair in halves]
    assert orders[0] == orders[1] and len(set(orders)) == 3
    assert all(sorted(order) == list(range(12)) for order in orders)


def test_a_packed_half_is_a_half_whose_pixels_are_cut_in_two():
    """Row by row: a token of four numbers becomes two neighbours of two."""
    x = tf.reshape(tf.range(32.0), (1, 2, 4, 4))
    for mask in (CheckerboardMask(1), StripeMask(0), StripeMask(1, "rows")):
        for packed, half in zip(PackedMask(mask).split(x), mask.split(x), strict=True):
            assert packed.shape == (1, 2, 4, 2)
            tokens, cut = np.reshape(half, (4, 4)), np.reshape(packed, (8, 2))
            np.testing.assert_array_equal(np.concatenate([cut[0::2], cut[1::2]], axis=1), tokens)
        np.testing.assert_array_equal(changes(PackedMask(mask)), changes(mask))


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
        (StripeMask(0, "rows"), (5, 4, 2), "stripes of rows need an even height, got 5"),
        (ShuffledChannelMask(), (4, 4, 3), "halves of the channels need an even number of them, got 3"),
        (PackedMask(StripeMask()), (4, 5, 2), "stripes need an even width, got 5"),
        (PackedMask(StripeMask()), (4, 4, 3), "halves of the channels need an even number of them, got 3"),
    ],
    ids=["channels", "checkerboard", "stripes", "rows", "shuffled", "packed", "packed_channels"],
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
