"""Glow's network."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors import NONE, Inputs
from flowconv.networks.glow import GlowNetwork
from flowconv.testing import perturb


def built(width, outputs, shape, **kwargs):
    network = GlowNetwork(width, **kwargs)
    network.outputs = outputs
    network.build((None, *shape))
    network.reset_weights()
    return network


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "xla"])
@pytest.mark.parametrize(("channels", "width"), [(3, 8), (9, 4)], ids=["narrow", "wide"])
def test_is_three_convolutions(channels, width, compiled):
    """Of images whose border is marked; and so are the gradients."""
    network = built(width, 6, (5, 4, channels), dtype="float64")
    perturb(network, scale=0.5)
    x = tf.constant(np.random.default_rng(0).standard_normal((2, 5, 4, channels)))
    mark = tf.constant(np.pad(np.zeros((2, 5, 4, 1)), [(0, 0), (1, 1), (1, 1), (0, 0)], constant_values=1.0))

    def expected(x):
        def marked(x):
            return tf.concat([tf.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)]), mark], -1)

        first, hidden, last = network.first, network.hidden, network.last
        x = tf.nn.conv2d(marked(x), first.kernel.value * tf.exp(first.log_scale.value), 1, "VALID")
        x = tf.nn.relu(x + first.bias.value)
        x = tf.nn.conv2d(x, hidden.kernel.value * tf.exp(hidden.log_scale.value), 1, "VALID")
        x = tf.nn.relu(x + hidden.bias.value)
        x = tf.nn.conv2d(marked(x), last.kernel.value, 1, "VALID") + last.bias.value
        return x * tf.exp(3.0 * last.log_scale.value)

    def with_gradients(function):
        sources = [x, *(variable.value for variable in network.trainable_variables)]
        with tf.GradientTape() as tape:
            tape.watch(sources)
            y = function(x)
        return y, *tape.gradient(y, sources, tf.sin(y))

    found = tf.function(with_gradients, autograph=False, jit_compile=True) if compiled else with_gradients
    for a, b in zip(found(network.call), with_gradients(expected), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-11)


def test_has_glow_s_parameters():
    network = built(512, 12, (16, 16, 6))
    kernels = 9 * 7 * 512 + 512 * 512 + 9 * 513 * 12
    assert sum(np.prod(v.shape) for v in network.trainable_variables) == kernels + 2 * 512 + 2 * 512 + 2 * 12


def test_is_zero_until_it_is_trained():
    network = built(8, 6, (4, 4, 3))
    np.testing.assert_array_equal(network.call(tf.ones((1, 4, 4, 3))), 0.0)
    assert np.std(network.first.kernel) > 0.03  # but drawn


def test_initialization_normalizes_what_comes_before_each_relu():
    network = built(8, 6, (4, 4, 3), dtype="float64")
    x = tf.constant(np.random.default_rng(0).normal(2.0, 3.0, (64, 4, 4, 3)))
    network.initialize(x, NONE, tf.identity)
    first = network.first.call(x)
    for y in (first, network.hidden.call(tf.nn.relu(first))):
        np.testing.assert_allclose(tf.reduce_mean(y, [0, 1, 2]), np.zeros(8), atol=1e-6)
        np.testing.assert_allclose(tf.math.reduce_std(y, [0, 1, 2]), np.ones(8), atol=1e-4)


def test_full_precision_is_that_of_the_variables():
    networks = [built(8, 6, (4, 4, 3), dtype=dtype) for dtype in ("mixed_bfloat16", "float32")]
    for network in networks:
        perturb(network)
    x = tf.constant(np.random.default_rng(0).standard_normal((2, 4, 4, 3)), tf.float32)
    bfloat16, float32 = networks
    assert bfloat16.call(x).dtype == tf.bfloat16
    y = bfloat16.call(x, Inputs(full_precision=True))
    assert y.dtype == tf.float32
    np.testing.assert_array_equal(y, float32.call(x))
