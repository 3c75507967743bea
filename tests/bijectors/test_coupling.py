"""The coupling layer."""

import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors import (
    NONE,
    TRANSFORMS,
    Affine,
    ChannelMask,
    CheckerboardMask,
    Coupling,
    Mixture,
    Repeated,
    Spline,
)
from flowconv.config.parts import NETWORKS
from flowconv.testing import check_bijector, check_gradients, check_log_det, check_round_trip, images, perturbed
from tests.layers import additive_coupling, affine_coupling
from tests.runs import FULL, parametrized

SHAPE = (4, 4, 4)
MASKS = {"channels": ChannelMask, "fields": CheckerboardMask, "other fields": functools.partial(CheckerboardMask, 1)}
SMALL = {"width": 8, "blocks": 1, "heads": 2, "patch_size": 2}  # settings of networks, of those that have them
OTHERS = [name for name in NETWORKS if name != "glow"]
PAIRS = {f"{transform}-{network}": (transform, network) for transform in TRANSFORMS for network in OTHERS}
EACH_ONCE = [f"{transform}-{network}" for transform, network in zip(itertools.cycle(TRANSFORMS), OTHERS, strict=False)]


def coupling(transform, network="glow", mask="channels", dtype="float64"):
    """A coupling of parts by their names; its parameters are small numbers."""
    if isinstance(transform, str):
        transform = TRANSFORMS.make(transform, {})
    settings = {name: SMALL[name] for name in SMALL.keys() & set(NETWORKS.part(network).keywords)}
    return Coupling(transform, NETWORKS.make(network, settings, dtype=dtype), MASKS[mask](), dtype=dtype)


def mask_of(transform, network):
    """One of the masks, in turn: each transform and each network get several."""
    return list(MASKS)[(TRANSFORMS.names.index(transform) + NETWORKS.names.index(network)) % len(MASKS)]


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_every_transform_is_proven(transform):
    """Round trip, log-determinant, gradients, the three ways back through depth, XLA, and the configuration."""
    check_bijector(lambda: coupling(transform, mask=mask_of(transform, "glow")), SHAPE, tolerance=1e-9)


@pytest.mark.parametrize("pair", parametrized(PAIRS, EACH_ONCE))
def test_every_transform_goes_with_every_network(pair):
    transform, network = pair
    layer = perturbed(coupling(transform, network, mask_of(transform, network)), SHAPE)
    x = images(SHAPE, "float64", count=2)
    check_round_trip(layer, x, NONE, 1e-9)
    check_log_det(layer, x, NONE, 1e-9)
    check_gradients(layer, x, NONE, 1e-9)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("mask", MASKS)
def test_numbers_depend_on_what_the_mask_says(transform, mask):
    """x_a on itself, number by number, and on x_b; x_b on nothing."""
    layer = perturbed(coupling(transform, mask=mask), SHAPE)
    x = images(SHAPE, "float64", count=1)
    y = layer.forward(x)
    is_changed = (y != x).numpy()[0]
    assert 0 < np.sum(is_changed) <= np.size(is_changed) // 2
    for of_a in (True, False):
        place = (0, *np.argwhere(is_changed == of_a)[5])
        moved = x.numpy()
        moved[place] += 0.1
        differs = (layer.forward(tf.constant(moved)) != y).numpy()
        assert differs[place]
        differs[place] = False
        assert np.any(differs & is_changed) != of_a and not np.any(differs & ~is_changed)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_has_as_many_outputs_as_parameters(transform):
    layer = coupling(transform, mask="fields")
    layer.build((None, *SHAPE))
    assert layer.network.outputs == layer.transform.parameters_per_dim * 4


def mass(layer):
    """The probability of all images of one pixel and two channels, by a grid."""
    perturbed(layer, (1, 1, 2))
    of_a, of_b = np.linspace(-16.0, 16.0, 1601), np.linspace(-8.0, 8.0, 81)
    x = np.stack(np.meshgrid(of_a, of_b), axis=-1).reshape(-1, 1, 1, 2)
    y, log_det = layer.forward_and_log_det(tf.constant(x))
    log_density = log_det - tf.reduce_sum(y**2, [1, 2, 3]) / 2.0 - np.log(2.0 * np.pi)
    return float(np.sum(np.exp(log_density))) * (of_a[1] - of_a[0]) * (of_b[1] - of_b[0])


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_densities_are_1_in_all(transform):
    assert abs(mass(coupling(transform)) - 1.0) < 1e-3


class WrongSign(Affine):
    """Has the inverse's log-determinant."""

    def forward_and_log_det(self, x, parameters):
        y, log_det = super().forward_and_log_det(x, parameters)
        return y, -log_det


class WrongMask(CheckerboardMask):
    """Lets the network see x_a."""

    def network_input(self, x_b):
        return self.merge(x_b, x_b)

    def parameters(self, outputs):
        return self.split(tf.roll(outputs, 1, axis=2))[0]

    def split(self, x):
        x_a, x_b = super().split(x)
        return x_a, tf.roll(x_b, 1, axis=2)


def test_a_wrong_log_det_fails():
    assert abs(mass(coupling(WrongSign())) - 1.0) > 0.1
    layer = perturbed(coupling(WrongSign()), SHAPE)
    with pytest.raises(AssertionError):
        check_log_det(layer, images(SHAPE, "float64"), NONE, 1e-9)


def test_a_mask_that_is_off_by_one_fails():
    layer = Coupling(Affine(), NETWORKS.make("glow", {"width": 8}, dtype="float64"), WrongMask(), dtype="float64")
    with pytest.raises(AssertionError):
        check_round_trip(perturbed(layer, SHAPE), images(SHAPE, "float64"), NONE, 1e-9)


DEPTHS = [(Mixture, "recompute"), (Spline, "invert")]
DEPTHS += [(Mixture, "invert"), (Spline, "store")] if FULL else []


@pytest.mark.parametrize(("transform", "mode"), DEPTHS)
def test_depth_is_differentiated_by_xla(transform, mode):
    layer = perturbed(Repeated(coupling(transform(2), mask="fields"), 2, mode, dtype="float64"), SHAPE)
    weights = [variable.value for variable in layer.trainable_variables]

    def gradients(x):
        with tf.GradientTape() as tape:
            y, log_det = layer.forward_and_log_det(x)
            loss = tf.reduce_sum(y**2) - tf.reduce_sum(log_det)
        return tape.gradient(loss, weights)

    x = images(SHAPE, "float64")
    found = tf.function(gradients, autograph=False, jit_compile=True)(x)
    for a, b in zip(found, gradients(x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-8)


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
