"""The coupling layer."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors import Affine
from tests.layers import additive_coupling, affine_coupling


@pytest.mark.parametrize("make", [affine_coupling, additive_coupling])
def test_a_new_coupling_is_one_map_for_all_images(make):
    layer = make(16, dtype="float64")
    layer.build((None, 4, 4, 4))
    layer.reset_weights()
    x = tf.constant(np.random.default_rng(0).standard_normal((3, 4, 4, 4)))
    y, log_det = layer.forward_and_log_det(x)
    ratio = (y / x)[..., :2].numpy()
    np.testing.assert_allclose(ratio, ratio[0, 0, 0, 0])
    np.testing.assert_allclose(log_det, 4 * 4 * 2 * np.log(ratio[0, 0, 0, 0]))
    np.testing.assert_array_equal(y[..., 2:], x[..., 2:])


def test_scale_lies_between_its_floor_and_1():
    logits = tf.constant([[[[-1e30, -50.0, -2.0, 0.0, 50.0, 1e30] + [0.0] * 6]]])
    scale, _ = Affine(scale_floor=0.05).scale_and_shift(logits)
    assert np.all(scale >= 0.05) and np.all(scale <= 1.0)
    np.testing.assert_allclose(scale[0, 0, 0, 2], 0.05 + 0.95 * 0.5)


def test_the_way_back_evaluates_the_network_once(monkeypatch):
    layer = affine_coupling(8)
    layer.build((None, 4, 4, 4))
    calls = []
    forward = layer.network.call
    monkeypatch.setattr(layer.network, "call", lambda x, inputs: calls.append(1) or forward(x, inputs))
    x = tf.ones((2, 4, 4, 4))
    y, log_det = layer.forward_and_log_det(x)
    assert len(calls) == 1
    layer.inverse_and_gradients(y, tf.ones_like(y), tf.ones_like(log_det))
    assert len(calls) == 2
