"""The coupling layers and their network."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv import bijectors
from flowconv.bijectors.coupling_network import Convolution, CouplingNetwork
from flowconv.bijectors.side_by_side import whole_batches
from tests.checks import perturb


@pytest.mark.parametrize("make", [bijectors.AffineCoupling, bijectors.AdditiveCoupling])
def test_a_new_coupling_is_one_map_for_all_images(make):
    layer = make(16, dtype="float64")
    layer.build((None, 4, 4, 4))
    x = tf.constant(np.random.default_rng(0).standard_normal((3, 4, 4, 4)))
    y, log_det = layer.forward_and_log_det(x)
    ratio = (y / x)[..., :2].numpy()
    np.testing.assert_allclose(ratio, ratio[0, 0, 0, 0])
    np.testing.assert_allclose(log_det, 4 * 4 * 2 * np.log(ratio[0, 0, 0, 0]))
    np.testing.assert_array_equal(y[..., 2:], x[..., 2:])


def test_scale_lies_between_its_floor_and_1():
    layer = bijectors.AffineCoupling(8, scale_floor=0.05)
    logits = tf.constant([[[[-1e30, -50.0, -2.0, 0.0, 50.0, 1e30] + [0.0] * 6]]])
    scale, _ = layer.scale_and_shift(logits)
    assert np.all(scale >= 0.05) and np.all(scale <= 1.0)
    np.testing.assert_allclose(scale[0, 0, 0, 2], 0.05 + 0.95 * 0.5)


@pytest.mark.parametrize(("channels", "filters"), [(3, 8), (8, 3)], ids=["widens", "narrows"])
def test_convolution_marks_its_border(channels, filters):
    """Both ways of adding the mark give the convolution of the padded and marked image."""
    layer = Convolution(filters, 3, "random_normal", dtype="float64")
    layer.build((None, 5, 4, channels))
    perturb(layer)
    x = np.random.default_rng(0).standard_normal((2, 5, 4, channels))
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    mark = np.pad(np.zeros((2, 5, 4, 1)), [(0, 0), (1, 1), (1, 1), (0, 0)], constant_values=1.0)
    marked = np.concatenate([padded, mark], axis=-1)
    bias = np.arange(filters, dtype=np.float64)
    kernel = layer.kernel.numpy()
    expected = bias + sum(marked[:, i : i + 5, j : j + 4] @ kernel[i, j] for i in range(3) for j in range(3))
    np.testing.assert_allclose(
        layer.convolve(tf.constant(x), *layer.prepare(layer.kernel.value, bias)), expected, atol=1e-12
    )


@pytest.mark.parametrize(("channels", "width"), [(3, 8), (9, 4)], ids=["narrow", "wide"])
def test_network_is_three_convolutions(channels, width):
    """The same with the layer of ones and without it, which is how XLA has it, and so are the gradients."""
    network = CouplingNetwork(width, 6, dtype="float64")
    network.build((None, 5, 4, channels))
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

    of_expected = with_gradients(expected)
    for computed in (with_gradients(network.call), with_gradients(whole_batches()(network.call))):
        for a, b in zip(computed, of_expected, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-11)


def test_network_has_glow_s_parameters():
    network = CouplingNetwork(512, 12)
    network.build((None, 16, 16, 6))
    kernels = 9 * 7 * 512 + 512 * 512 + 9 * 513 * 12
    assert sum(np.prod(v.shape) for v in network.trainable_variables) == kernels + 2 * 512 + 2 * 512 + 2 * 12


def test_the_way_back_evaluates_the_network_once(monkeypatch):
    layer = bijectors.AffineCoupling(8)
    layer.build((None, 4, 4, 4))
    calls = []
    forward = layer.network.call
    monkeypatch.setattr(layer.network, "call", lambda x: calls.append(1) or forward(x))
    x = tf.ones((2, 4, 4, 4))
    y, log_det = layer.forward_and_log_det(x)
    assert len(calls) == 1
    layer.inverse_and_gradients(y, tf.ones_like(y), tf.ones_like(log_det))
    assert len(calls) == 2
