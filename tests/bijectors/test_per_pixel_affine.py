"""Layers that are affine at every pixel are computed as one, and give what they give one by one."""

import numpy as np
import tensorflow as tf

from flowconv import bijectors
from flowconv.bijectors.per_pixel_affine import FusedAffine
from flowconv.testing import perturbed


def chain(*layers):
    return perturbed(bijectors.Chain(layers, dtype="float64"), (4, 6, 6))


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
    ((number, part),) = whole.numbered()
    assert number == 0 and isinstance(part, FusedAffine) and len(part.layers) == 6
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
    names = [(number, type(part).__name__) for number, part in apart.numbered()]
    assert names == [*enumerate(["ActNorm", "InvertibleShift", "Conv1x1", "AutoregressivePair", "Reverse"])]


def test_each_layer_sees_its_own_input_while_it_is_initialized():
    whole = chain(*layers())
    for layer in (whole.layers[0], whole.layers[-1]):
        layer.initialized.assign(0.0)
    x = tf.constant(np.random.default_rng(0).normal(3.0, 2.0, (8, 4, 6, 6)))
    initialized = whole.initialize(x)
    y = whole.forward(x)
    np.testing.assert_allclose(initialized, y, atol=1e-12)
    np.testing.assert_allclose(tf.reduce_mean(y, [0, 1, 2]), np.zeros(6), atol=1e-9)
    np.testing.assert_allclose(tf.math.reduce_std(y, [0, 1, 2]), np.ones(6), rtol=1e-5)
