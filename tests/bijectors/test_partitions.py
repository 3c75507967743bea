"""How couplings divide an image."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv import bijectors
from flowconv.bijectors.partitions import ChannelHalves, Checkerboard
from tests.checks import jacobian, perturb

SHAPE = (3, 4, 2)
PARTITIONS = {"channels": ChannelHalves(), "colour_0": Checkerboard(0), "colour_1": Checkerboard(1)}
every_partition = pytest.mark.parametrize("partition", PARTITIONS.values(), ids=PARTITIONS.keys())


def changes(partition):
    """Where x_a is."""
    x = tf.reshape(tf.range(24.0), (1, *SHAPE))
    x_a, x_b = partition.split(x)
    return partition.join(tf.ones_like(x_a), tf.zeros_like(x_b))[0].numpy() == 1


@every_partition
def test_halves_go_together_again(partition):
    x = tf.random.stateless_normal((2, *SHAPE), [0, 0])
    x_a, x_b = partition.split(x)
    assert x_a.shape == x_b.shape and 2 * tf.size(x_a) == tf.size(x)
    np.testing.assert_array_equal(partition.join(x_a, x_b), x)


def test_fields_alternate():
    row, column = np.indices(SHAPE[:2])
    for colour in (0, 1):
        np.testing.assert_array_equal(changes(Checkerboard(colour))[..., 0], (row + column) % 2 == colour)
        np.testing.assert_array_equal(changes(Checkerboard(colour))[..., 1], (row + column) % 2 == colour)


@every_partition
@pytest.mark.parametrize("make", [bijectors.AffineCoupling, bijectors.AdditiveCoupling])
def test_a_coupling_depends_on_nothing_it_may_not(partition, make):
    layer = make(8, partition=partition, dtype="float64")
    layer.build((None, *SHAPE))
    perturb(layer)
    matrix = jacobian(layer.forward, tf.constant(np.random.default_rng(0).standard_normal((1, *SHAPE))))
    a = changes(partition).ravel()
    np.testing.assert_array_equal(matrix[np.ix_(~a, ~a)], np.eye((~a).sum()))
    np.testing.assert_array_equal(matrix[np.ix_(~a, a)], 0.0)
    own = matrix[np.ix_(a, a)]
    np.testing.assert_array_equal(own, np.diag(np.diag(own)))
    assert np.count_nonzero(matrix[np.ix_(a, ~a)]) > a.sum()
