"""Jet's network: zero at first, patches, positions, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.networks.transformer import TransformerNetwork
from flowconv.testing import images, perturb


def built(shape=(4, 4, 3), moved=True, outputs=6, dtype="float64", **settings):
    network = TransformerNetwork(**{"width": 8, "blocks": 2, "heads": 2} | settings, dtype=dtype)
    network.outputs = outputs
    network.build((None, *shape))
    network.reset_weights()
    if moved:
        perturb(network)
    return network


def test_is_zero_until_it_is_trained():
    network = built(moved=False)
    np.testing.assert_array_equal(network.call(images((4, 4, 3), "float64")), 0.0)
    assert np.std(network.first.matrix) > 0.1 and np.std(network.positions) > 0.1  # but drawn


def test_weights_are_drawn_as_jet_s():
    """Each of queries, keys and values as a matrix of its own, positions of variance 1/width."""
    network = built(moved=False, width=64)
    np.testing.assert_allclose(np.std(network.positions), 64**-0.5, rtol=0.1)
    block = network.transformer_blocks[0]
    for matrix, inputs, outputs in (
        (block.queries_keys_values.matrix, 64, 64),
        (block.merge.matrix, 64, 64),
        (block.hidden.matrix, 64, 256),
        (block.last.matrix, 256, 64),
    ):
        limit = np.sqrt(6.0 / (inputs + outputs))
        assert 0.98 * limit < np.max(np.abs(matrix)) <= limit
        np.testing.assert_allclose(np.std(matrix), limit / np.sqrt(3), rtol=0.03)
    assert 0.0 < np.std(block.hidden.bias) < 2e-6 and np.all(block.merge.bias == 0.0)


def test_patches_are_squeezed_images():
    """Of the same weights: `patch_size` p is a squeeze by p before the network, and its reverse after it."""
    network, other = built(patch_size=2), built((2, 2, 12), outputs=24)
    for variable, value in zip(other.variables, network.variables, strict=True):
        variable.assign(value)
    x = images((4, 4, 3), "float64")
    expected = tf.nn.depth_to_space(other.call(tf.nn.space_to_depth(x, 2)), 2)
    np.testing.assert_array_equal(network.call(x), expected)


def test_a_parameter_depends_on_every_patch_and_its_place():
    network, x = built(), images((4, 4, 3), "float64", count=1)
    with tf.GradientTape() as tape:
        tape.watch(x)
        corner = tf.reduce_sum(network.call(x)[:, 0, 0])
    assert np.all(tape.gradient(corner, x) != 0)
    turned = network.call(x[:, ::-1])[:, ::-1]
    assert np.max(np.abs(turned - network.call(x))) > 0.01
    network.positions.assign(tf.zeros_like(network.positions.value))  # the control
    np.testing.assert_allclose(network.call(x[:, ::-1])[:, ::-1], network.call(x), atol=1e-12)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"heads": 3}, "width must be divisible by heads = 3, since a head has width/heads channels, got 8"),
        (
            {"patch_size": 3},
            "patch_size must divide the height and the width of every level's images, here 4×4, got 3",
        ),
        ({"heads": 0}, "heads must be a whole number of at least 1, got 0"),
        ({"patch_size": 0}, "patch_size must be a whole number of at least 1, got 0"),
        ({"blocks": 0}, "blocks must be a whole number of at least 1, got 0"),
    ],
    ids=str,
)
def test_refuses(settings, line):
    with pytest.raises(ValueError, match=f"^{line}$"):
        built(**settings)
