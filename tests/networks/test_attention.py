"""Flow++'s network: initialization by data, dropout, its parts, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors import NONE, Affine, Coupling, Inputs, Repeated, Seed
from flowconv.conditions.class_ import ClassCondition
from flowconv.networks.attention import AttentionNetwork
from flowconv.networks.layers.attention import self_attention
from flowconv.networks.layers.dropout import dropout
from flowconv.networks.layers.gates import concat_elu, gate
from flowconv.networks.layers.layer_norm import LayerNorm
from flowconv.ops.attention import attention
from flowconv.ops.layer_norm import normalize_channels
from flowconv.testing import images, perturb

SHAPE = (4, 4, 3)
TRAINING = Inputs(seed=Seed(3), training=True)


def built(dtype="float64", moved=True, outputs=6, **settings):
    network = AttentionNetwork(**{"width": 8, "blocks": 2, "heads": 2} | settings, dtype=dtype)
    network.outputs = outputs
    network.build((None, *SHAPE))
    network.reset_weights()
    if moved:
        perturb(network)
    return network


def random_images(count, *shape, dtype="float64", seed=0):
    return tf.constant(np.random.default_rng(seed).standard_normal((count, *shape)), dtype)


@pytest.mark.parametrize("settings", [{}, {"weight_norm": True, "last_activation": True}, {"heads": 0}], ids=str)
def test_every_convolution_of_a_batch_has_its_deviation_and_mean_0(settings):
    network, x = built(moved=False, **settings), 1.0 + 3.0 * random_images(64, *SHAPE)
    found = []

    def convolve(layer, x):
        y = layer.call(x)
        found.append((layer.path, layer.deviation, *map(np.ravel, tf.nn.moments(y, [0, 1, 2]))))
        return y

    y = network.initialize(x, NONE, tf.identity)
    np.testing.assert_allclose(network._outputs(x, NONE, convolve), y, atol=1e-9)
    assert len(found) == 2 + 2 * network.blocks * (2 if network.heads else 1)
    assert {deviation for _, deviation, _, _ in found} == {1.0, 0.1}
    for path, deviation, mean, variance in found:
        np.testing.assert_allclose(mean, 0.0, atol=1e-6, err_msg=path)
        np.testing.assert_allclose(np.sqrt(variance), deviation, rtol=1e-4, err_msg=path)


def test_without_dropout_training_changes_nothing():
    network, x = built(), images(SHAPE, "float64")
    np.testing.assert_array_equal(network.call(x, TRAINING), network.call(x))


def test_dropout_is_a_function_of_the_seed_in_training_alone():
    network, x = built(dropout=0.5), images(SHAPE, "float64")
    y = network.call(x, TRAINING)
    np.testing.assert_array_equal(network.call(x, TRAINING), y)
    np.testing.assert_array_equal(network.call(x, Inputs(seed=Seed(3))), network.call(x))
    for other in (NONE, Inputs(seed=Seed(4), training=True), Inputs(seed=Seed(3).fold_in(0), training=True)):
        assert np.min(np.max(np.abs(network.call(x, other) - y), axis=(1, 2, 3))) > 1e-3
    with pytest.raises(ValueError, match="dropout in training needs a seed in its inputs"):
        network.call(x, Inputs(training=True))


def test_dropout_keeps_the_mean():
    network = built(dropout=0.25, dtype="float32")
    seen = []

    def convolve(layer, x):
        if layer.name == "last" and layer is not network.last:
            seen.append(tf.reduce_mean(tf.cast(x == 0.0, tf.float32)))
        return layer.call(x)

    network._outputs(random_images(64, *SHAPE, dtype="float32"), TRAINING, convolve)
    assert len(seen) == 4
    np.testing.assert_allclose(seen, 0.25, atol=0.03)
    np.testing.assert_allclose(tf.reduce_mean(dropout(tf.ones([100, 100]), 0.25, TRAINING)), 1.0, atol=0.03)


def test_dropout_is_the_same_in_all_ways_back():
    """Of a depth loop."""
    x, inputs = random_images(2, 2, 2, 4), Inputs(seed=Seed(5, first=tf.constant(7, tf.int64)), training=True)

    def gradients(layer, inputs):
        sources = [variable.value for variable in layer.trainable_variables]
        with tf.GradientTape() as tape:
            y, log_det = layer.forward_and_log_det(x, inputs)
            loss = tf.reduce_sum(tf.sin(y)) - tf.reduce_sum(log_det)
        return loss, *tape.gradient(loss, sources)

    results = {}
    for backward in ("store", "recompute", "invert"):
        network = AttentionNetwork(4, 1, 2, dropout=0.5, dtype="float64")
        layer = Repeated(Coupling(Affine(), network, dtype="float64"), 2, backward, dtype="float64")
        layer.build((None, 2, 2, 4))
        layer.reset_weights()
        perturb(layer)
        results[backward] = gradients(layer, inputs)
    for backward in ("recompute", "invert"):
        for found, expected in zip(results[backward], results["store"], strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-9)
    others = gradients(layer, Inputs(seed=Seed(6), training=True))
    assert abs(others[0] - results["store"][0]) > 1e-3


def test_a_condition_enters_every_gated_convolution():
    """By an embedding of its own."""
    condition, labels = ClassCondition(3), tf.constant([0, 1, 2])
    network = built(condition=condition)
    of_condition = [variable for variable in network.trainable_variables if "embedding" in variable.path]
    assert [tuple(variable.shape) for variable in of_condition] == network.blocks * [(3, 8)]
    x = images(SHAPE, "float64")
    y = network.call(x, Inputs(labels))
    for variable in of_condition:
        value = variable.numpy()
        variable.assign(0.0 * value)
        assert np.min(np.max(np.abs(network.call(x, Inputs(labels)) - y), axis=(1, 2, 3))) > 1e-6
        variable.assign(value)
    with pytest.raises(ValueError, match="convolution_1: expected a condition in its inputs, got none"):
        network.call(x)


def test_attention_is_that_of_each_head():
    heads, filters = 2, 6
    x = random_images(3, 2, 4, 3 * filters)
    q, k, v = np.moveaxis(np.reshape(x, (3, 8, 3, heads, 3)), 2, 0)
    logits = np.einsum("bihd,bjhd->bhij", q, k) / np.sqrt(3)
    weights = np.exp(logits) / np.sum(np.exp(logits), -1, keepdims=True)
    expected = np.reshape(np.einsum("bhij,bjhd->bihd", weights, v), (3, 2, 4, filters))
    np.testing.assert_allclose(self_attention(x, heads), expected, atol=1e-12)


@pytest.mark.parametrize("block_bytes", [2**20, 1], ids=["at once", "in blocks"])
@pytest.mark.parametrize("masked", [False, True])
def test_gradients_of_attention_are_tensorflow_s(block_bytes, masked, monkeypatch):
    """And second ones."""
    monkeypatch.setattr("flowconv.ops.attention.BLOCK_BYTES", block_bytes)
    q, k, v = (random_images(2, 3, 5, 4, seed=seed) for seed in range(3))
    upstream = random_images(2, 3, 5, 4, seed=3)
    mask = tf.constant(np.tri(5, dtype=bool)) if masked else None

    def twice(function):
        with tf.GradientTape() as outer:
            outer.watch([q, k, v])
            with tf.GradientTape() as tape:
                tape.watch([q, k, v])
                y = function(q, k, v)
            gradients = tape.gradient(y, [q, k, v], tf.sin(y))
        return y, *gradients, *outer.gradient(gradients, [q, k, v], [upstream] * 3)

    def reference(q, k, v):
        logits = tf.matmul(q, k, transpose_b=True)
        return tf.matmul(tf.nn.softmax(logits if mask is None else tf.where(mask, logits, -np.inf)), v)

    expected = twice(reference)
    for found, right in zip(twice(lambda q, k, v: attention(q, k, v, mask)), expected, strict=True):
        np.testing.assert_allclose(found, right, atol=1e-10)
    in_graph = tf.function(attention)
    for found, right in zip(twice(lambda q, k, v: in_graph(q, k, v, mask)), expected, strict=True):
        np.testing.assert_allclose(found, right, atol=1e-10)


@pytest.mark.parametrize(("heads", "length", "blocks"), [(4, 64, None), (4, 256, None), (6, 256, 3), (4, 512, 1)])
def test_a_block_of_weights_has_the_size_of_a_cache(heads, length, blocks, monkeypatch):
    seen, exp = [], tf.exp
    monkeypatch.setattr(tf, "exp", lambda x: seen.append(x.shape) or exp(x))
    q = random_images(2, heads, length, 2, dtype="float32")
    y = tf.function(attention)(q, q, q)
    assert seen == [(2, heads, length, length) if blocks is None else (blocks, length, length)]
    np.testing.assert_allclose(y, tf.matmul(tf.nn.softmax(tf.matmul(q, q, transpose_b=True)), q), atol=1e-5)


def test_attention_of_bfloat16_has_a_softmax_of_float32(monkeypatch):
    seen, exp = [], tf.exp
    monkeypatch.setattr(tf, "exp", lambda x: seen.append(x.dtype) or exp(x))
    for dtype in (tf.bfloat16, tf.float32, tf.float64):
        assert self_attention(tf.zeros([1, 2, 2, 6], dtype), 1).dtype == dtype
    assert seen == [tf.float32, tf.float32, tf.float64]


def test_a_convolution_alone_sees_no_further_than_its_kernels():
    """And attention sees every pixel."""
    for heads, expected in ((0, 0.0), (2, 1.0)):
        network = AttentionNetwork(8, 1, heads, dtype="float64")
        network.outputs = 2
        network.build((None, 1, 16, 3))
        network.reset_weights()
        x = random_images(1, 1, 16, 3)
        with tf.GradientTape() as tape:
            tape.watch(x)
            corner = tf.reduce_sum(network.call(x)[:, 0, 0])
        assert float(np.any(tape.gradient(corner, x)[0, 0, -1] != 0)) == expected


def reference_norm(x):
    centered = x - tf.reduce_mean(x, -1, keepdims=True)
    return centered * tf.math.rsqrt(tf.reduce_mean(centered**2, -1, keepdims=True) + 1e-5)


def test_gradients_of_normalization_are_tensorflow_s():
    """And second ones."""
    x, upstream = random_images(2, 2, 2, 5), random_images(2, 2, 2, 5, seed=1)

    def twice(function):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = function(x)
            gradient = tape.gradient(y, x, tf.sin(y))
        return y, gradient, outer.gradient(gradient, x, upstream)

    found = twice(lambda x: normalize_channels(x, 1e-5))
    for value, expected in zip(found, twice(reference_norm), strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-10)


def test_layer_norm_of_bfloat16_has_moments_of_float32():
    x = 100.0 + random_images(4, 2, 2, 64, dtype="float32")
    layer = LayerNorm(dtype="mixed_bfloat16")
    layer.build(x.shape)
    rounded = tf.cast(x, tf.bfloat16)
    y = layer.call(rounded)
    assert y.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(y, tf.float32), reference_norm(tf.cast(rounded, tf.float32)), atol=0.02)


def test_gates():
    x = tf.constant([[-1.0, 2.0]])
    np.testing.assert_allclose(concat_elu(x), [[np.exp(-1) - 1, 2.0, 1.0, np.exp(-2) - 1]], rtol=1e-6)
    np.testing.assert_allclose(gate(x), [[-1.0 / (1.0 + np.exp(-2.0))]], rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"heads": 3}, "width must be divisible by heads = 3, since a head has width/heads channels, got 8"),
        ({"heads": -1}, "heads must be a whole number of at least 0, got -1"),
        ({"blocks": 0}, "blocks must be a whole number of at least 1, got 0"),
        ({"width": 0}, "width must be a whole number of at least 1, got 0"),
        ({"dropout": 1.0}, r"dropout must be within \[0, 1\), got 1.0"),
    ],
    ids=str,
)
def test_refuses(settings, line):
    with pytest.raises(ValueError, match=f"^{line}$"):
        built(**settings)
