"""Glow's convolutions against those of images padded with a mark of where the border is."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.ops.edge_bias_conv import edge_bias_conv2d, fold, fold_two_layers, two_layers
from flowconv.ops.relu import relu

HOW = {
    "eager": lambda function, _: function,
    "any batch": lambda function, specs: tf.function(function, input_signature=specs),
    "xla": lambda function, _: tf.function(function, autograph=False, jit_compile=True),
}
every_way = pytest.mark.parametrize("how", HOW.values(), ids=HOW.keys())


def numbers(*shapes, dtype="float64"):
    generator = np.random.default_rng(0)
    return [tf.constant(generator.standard_normal(shape), dtype) for shape in shapes]


def of_padded_and_marked(x, kernel, bias):
    border = kernel.shape[0] // 2
    pad = [(0, 0), (border, border), (border, border), (0, 0)]
    mark = tf.pad(tf.zeros_like(x[..., :1]), pad, constant_values=1.0)
    channels = [tf.pad(x, pad), mark] if border else [x]
    return tf.nn.conv2d(tf.concat(channels, -1), kernel, 1, "VALID") + bias


def folded_conv2d(x, kernel, bias):
    return edge_bias_conv2d(x, fold(kernel, bias, tuple(x.shape[1:3]), x.dtype.name))


def folded_two_layers(x, *weights):
    return two_layers(x, *fold_two_layers(*weights, tuple(x.shape[1:3]), x.dtype.name))


def with_gradients(function):
    def compute(*arguments):
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            y = function(*arguments)
        return y, *tape.gradient(y, arguments, tf.sin(y))

    return compute


def compare(function, expected, arguments, how):
    x, *weights = arguments
    specs = [tf.TensorSpec((None, *x.shape[1:]), x.dtype), *(tf.TensorSpec(w.shape, w.dtype) for w in weights)]
    found = how(with_gradients(function), specs)(*arguments)
    for ours, theirs in zip(found, with_gradients(expected)(*arguments), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-11)


@every_way
@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize(("channels", "filters"), [(3, 8), (4, 4), (8, 3)], ids=["widens", "keeps", "narrows"])
def test_sees_where_the_border_is(channels, filters, size, how):
    arguments = numbers((2, 5, 4, channels), (size, size, channels + (size > 1), filters), (filters,))
    compare(folded_conv2d, of_padded_and_marked, arguments, how)


@every_way
@pytest.mark.parametrize(("channels", "width"), [(3, 8), (9, 4)], ids=["widens", "narrows"])
def test_two_layers_are_one_and_then_another(channels, width, how):
    shapes = (2, 5, 4, channels), (3, 3, channels + 1, width), (width,), (1, 1, width, 6), (6,)

    def expected(x, kernel, bias, matrix, matrix_bias):
        hidden = tf.nn.relu(of_padded_and_marked(x, kernel, bias))
        return tf.nn.relu(of_padded_and_marked(hidden, matrix, matrix_bias))

    compare(folded_two_layers, expected, numbers(*shapes), how)


def test_two_layers_in_bfloat16():
    """Weights in float32, as networks have them; each result is rounded."""
    shapes = (2, 5, 4, 3), (3, 3, 4, 8), (8,), (1, 1, 8, 6), (6,)
    x, *weights = numbers(*shapes, dtype="float32")
    x = tf.cast(x, "bfloat16")

    def one_by_one(x, kernel, bias, matrix, matrix_bias):
        return relu(folded_conv2d(relu(folded_conv2d(x, kernel, bias)), matrix, matrix_bias))

    found = with_gradients(folded_two_layers)(x, *weights)
    assert found[0].dtype == tf.bfloat16
    expected = with_gradients(one_by_one)(tf.cast(x, tf.float32), *weights)
    for ours, theirs in zip(found, expected, strict=True):
        difference = tf.cast(ours, tf.float32) - theirs
        assert tf.norm(difference) < 0.1 * tf.norm(theirs)
