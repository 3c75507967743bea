"""Guidance of samples, and labels that training leaves out for it."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors import Autoregressive, Gaussian, Inputs, Seed
from flowconv.conditions.class_ import UNKNOWN, ClassCondition
from flowconv.core.guidance import Guidance
from flowconv.models import build_model
from flowconv.networks.causal_transformer import CausalTransformer
from flowconv.networks.layers.attention import self_attention
from flowconv.networks.masked_convolution import MaskedConvolutionNetwork
from flowconv.testing import check_log_det, check_round_trip, perturb

LABELS = tf.constant([2, 0])
CLASSES = {"condition": "class", "classes": 3, "label_dropout": 0.5}
TARFLOW = {"network": "causal_transformer", "coupling": "gaussian", "preprocessing": "centre", "patch_size": 2}
TARFLOW |= {"heads": 2, "blocks": 1}
MAF = {"network": "masked_convolution", "convolution": "reverse", "preprocessing": "centre"}


def small(name="tarflow", **settings):
    parts = (MAF if name == "maf" else TARFLOW) | {"depth": 2, "width": 8, "precision": "float64"} | settings
    flow = build_model(name, (4, 4, 3), **parts)
    flow.reset_weights()
    perturb(flow, 0.05)
    return flow


def layer_of(network, condition=None, **settings):
    kwargs = {"condition": condition, "dtype": "float64", "name": "network"}
    network = network(width=8, **settings, **kwargs)
    layer = Autoregressive(Gaussian(), network, dtype="float64")
    layer.build((None, 4, 4, 3))
    perturb(layer, 0.2)
    return layer


CASES = [
    (layer_of, (CausalTransformer, ClassCondition(3, 0.1)), Guidance(1.5), LABELS),
    (layer_of, (CausalTransformer, ClassCondition(3, 0.1)), Guidance(1.5, 0.5), LABELS),
    (layer_of, (CausalTransformer, None), Guidance(0.7, attention_temperature=3.0), None),
    (layer_of, (MaskedConvolutionNetwork, ClassCondition(3, 0.1)), Guidance(1.5), LABELS),
]


@pytest.mark.parametrize(("make", "parts", "guidance", "condition"), CASES)
def test_a_guided_layer_is_a_bijector_of_its_own(make, parts, guidance, condition):
    network, kind = parts
    more = {"heads": 2, "blocks": 1, "patch_size": 2} if network is CausalTransformer else {}
    layer = make(network, kind, **more)
    x = tf.constant(np.random.default_rng(0).standard_normal((2, 4, 4, 3)))
    inputs = Inputs(condition, guidance=guidance)
    check_round_trip(layer, x, inputs, 1e-9)
    check_log_det(layer, x, inputs, 1e-9)
    strong = layer.network.call(x, Inputs(condition))
    weak_condition = condition if kind is None else tf.fill([2], UNKNOWN)
    weak = layer.network.call(x, Inputs(weak_condition, attention_temperature=guidance.attention_temperature))
    expected = strong + guidance.weight * (strong - weak)
    np.testing.assert_allclose(layer.parameters(x, inputs), expected, rtol=1e-12)
    assert np.max(np.abs(expected - strong)) > 1e-3  # the control
    np.testing.assert_array_equal(layer.parameters(x, Inputs(condition)), strong)


@pytest.mark.parametrize(("settings", "guidance"), [(CLASSES, Guidance(2.0)), ({}, Guidance(2.0, 4.0))], ids=str)
def test_guided_samples_are_the_same_in_segments(settings, guidance):
    condition = LABELS if settings else None
    drawn = [
        small(segments=segments, **settings).sample(2, 0.8, 3, condition, guidance).numpy() for segments in (1, 2, 4)
    ]
    np.testing.assert_allclose(drawn[1], drawn[0], atol=1e-11)
    np.testing.assert_allclose(drawn[2], drawn[0], atol=1e-11)
    plain = small(**settings).sample(2, 0.8, 3, condition)
    assert np.max(np.abs(drawn[0] - plain)) > 1e-4
    without = small(**settings).sample(2, 0.8, 3, condition, Guidance(0.0, guidance.attention_temperature))
    np.testing.assert_array_equal(without, plain)


def test_a_temperature_divides_the_logits():
    qkv = tf.constant(np.random.default_rng(0).standard_normal((1, 2, 2, 12)))
    queries, rest = qkv[..., :4], qkv[..., 4:]
    expected = self_attention(tf.concat([queries / 3.0, rest], -1), 2, causal=True)
    np.testing.assert_allclose(self_attention(qkv, 2, causal=True, temperature=3.0), expected, rtol=1e-12)
    assert np.max(np.abs(expected - self_attention(qkv, 2, causal=True))) > 1e-3


@pytest.mark.parametrize("name", ["glow", "maf", "jet"])
def test_training_leaves_labels_out(name):
    """In every family, at the same images whatever the batch; elsewhere never."""
    own = {"glow": {"levels": 1}, "maf": MAF, "jet": {"squeeze": 2}}[name]
    settings = {"depth": 2, "width": 8, "precision": "float64", **CLASSES, **own}
    flow = build_model(name, (4, 4, 3), **settings)
    flow.reset_weights()
    perturb(flow, 0.1)
    images = tf.constant(np.random.default_rng(0).integers(0, 256, (16, 4, 4, 3)), tf.uint8)
    labels = tf.constant(np.random.default_rng(1).integers(0, 3, 16), tf.int32)

    def bits(training, images=images, labels=labels, first=0):
        return flow.bits_per_dim(images, 5, first, condition=labels, training=training).numpy()

    changed = bits(True) != bits(False)
    assert 3 < np.sum(changed) < 13  # of 16, at ½
    np.testing.assert_allclose(bits(True, images[6:], labels[6:], 6), bits(True)[6:], rtol=1e-12)
    others = bits(True, labels=(labels + 1) % 3)
    np.testing.assert_array_equal(others == bits(True), changed)  # what has no label doesn't depend on it


def test_an_unknown_class_has_the_mean_embedding():
    condition = ClassCondition(3, label_dropout=0.1)
    layer = condition.embedding(5, dtype="float64", name="embedding")
    layer.build((None, 4, 4, 5))
    layer.table.assign(np.random.default_rng(0).standard_normal((3, 5)))
    found = layer.call(condition.unknown(tf.constant([1, 2])))
    np.testing.assert_allclose(found[:, 0, 0], np.tile(np.mean(layer.table, axis=0), (2, 1)), rtol=1e-12)
    np.testing.assert_array_equal(layer.call(tf.constant([1]))[0, 0, 0], layer.table[1])
    assert ClassCondition(3).unknown(tf.constant([1])) is None
    seed, labels = Seed(0), tf.zeros([2000], tf.int32)
    assert abs(np.mean(condition.in_training(labels, seed) == UNKNOWN) - 0.1) < 0.03
    np.testing.assert_array_equal(ClassCondition(3).in_training(labels, seed), labels)


def test_refuses():
    with pytest.raises(ValueError, match="glow: has no autoregressive layers, which guidance is of"):
        build_model("glow", (4, 4, 3), levels=1, depth=1, width=4).sample(1, guidance=Guidance(1.0))
    with pytest.raises(ValueError, match="needs a flow trained with label_dropout above 0, or an attention_temp"):
        small(condition="class", classes=3).sample(2, condition=LABELS, guidance=Guidance(1.0))
    with pytest.raises(ValueError, match=r"attention_temperature must be 1 with Masked.*, which has no att"):
        small("maf").sample(1, guidance=Guidance(1.0, 2.0))
    for arguments, line in (((-1.0,), "weight must be a finite"), ((1.0, 0.0), "attention_temperature must be a fin")):
        with pytest.raises(ValueError, match=line):
            Guidance(*arguments)
    with pytest.raises(ValueError, match=r"label_dropout must be within \[0, 1\), got 1.0"):
        ClassCondition(3, label_dropout=1.0)
