"""Layers that are affine at every pixel are computed as one, and give what they give one by one."""

import numpy as np
import tensorflow as tf

from flowconv import bijectors
from flowconv.bijectors.pixelwise_affine import Together
from tests.checks import perturb


def chain(*layers):
    chain = bijectors.Chain(layers, dtype="float64")
    chain.build((None, 4, 6, 6))
    perturb(chain)
    return chain


def layers():
    return [
        bijectors.ActNorm(dtype="float64"),
        bijectors.ShiftConvolution(dtype="float64"),
        bijectors.InvertibleShift(dtype="float64"),
        bijectors.Conv1x1("qr", dtype="float64"),
        bijectors.ActNorm(dtype="float64"),
    ]


def test_all_in_one_is_one_after_the_other():
    whole = chain(*layers())
    (part,) = whole.parts()
    assert isinstance(part, Together) and len(part.layers) == 6
    x = y = tf.constant(np.random.default_rng(0).standard_normal((2, 4, 6, 6)))
    total = 0.0
    for layer in whole.layers:
        y, log_det = layer.forward_and_log_det(y)
        total += log_det
    together, log_det = whole.forward_and_log_det(x)
    np.testing.assert_allclose(together, y, atol=1e-12)
    np.testing.assert_allclose(log_det, total, rtol=1e-12)
    back, log_det = whole.inverse_and_log_det(y)
    np.testing.assert_allclose(back, x, atol=1e-11)
    np.testing.assert_allclose(log_det, -total, rtol=1e-12)


def test_what_is_not_the_same_at_every_pixel_stands_alone():
    apart = chain(
        bijectors.ActNorm(dtype="float64"),
        bijectors.InvertibleShift("position", dtype="float64"),
        bijectors.EmergingConvolution(dtype="float64"),
        bijectors.Reverse(dtype="float64"),
    )
    names = [type(part).__name__ for part in apart.parts()]
    assert names == ["ActNorm", "InvertibleShift", "Conv1x1", "AutoregressivePair", "Reverse"]


def test_each_layer_sees_its_own_input_while_it_is_initialized():
    whole = chain(*layers())
    for layer in (whole.layers[0], whole.layers[-1]):
        layer.initialized.assign(0.0)
    x = tf.constant(np.random.default_rng(0).normal(3.0, 2.0, (8, 4, 6, 6)))
    with bijectors.data_dependent_initialization():
        whole.forward(x)
    y = whole.forward(x)
    np.testing.assert_allclose(tf.reduce_mean(y, [0, 1, 2]), np.zeros(6), atol=1e-9)
    np.testing.assert_allclose(tf.math.reduce_std(y, [0, 1, 2]), np.ones(6), rtol=1e-5)
