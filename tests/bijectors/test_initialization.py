"""Data-dependent initialization: normalized, over the global batch, once."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv import bijectors
from flowconv.bijectors import NONE
from flowconv.models import glow
from flowconv.networks.attention import AttentionNetwork
from flowconv.networks.resnet import ResNetNetwork
from tests.layers import affine_coupling


def images(n=64, scale=3.0, shift=1.0):
    return tf.constant(shift + scale * np.random.default_rng(0).standard_normal((n, 4, 4, 6)), tf.float64)


def moments(y):
    return tf.reduce_mean(y, [0, 1, 2]).numpy(), tf.math.reduce_std(y, [0, 1, 2]).numpy()


def test_actnorm_normalizes_its_first_batch():
    layer = bijectors.ActNorm(dtype="float64")
    layer.build((None, 4, 4, 6))
    y = layer.initialize(images())
    for result in (y, layer.forward(images())):
        mean, deviation = moments(result)
        np.testing.assert_allclose(mean, 0.0, atol=1e-6)
        np.testing.assert_allclose(deviation, 1.0, atol=1e-5)


def test_actnorm_per_position_normalizes_each_number():
    layer = bijectors.ActNorm("position", dtype="float64")
    layer.build((None, 4, 4, 6))
    for y in (layer.initialize(images()), layer.forward(images())):
        np.testing.assert_allclose(tf.reduce_mean(y, 0), np.zeros((4, 4, 6)), atol=1e-6)
        np.testing.assert_allclose(tf.math.reduce_std(y, 0), np.ones((4, 4, 6)), atol=1e-5)


def test_a_second_initialization_changes_nothing():
    layer = bijectors.ActNorm(dtype="float64")
    layer.build((None, 4, 4, 6))
    layer.initialize(images())
    before = [v.numpy() for v in layer.variables]
    layer.initialize(images(scale=0.1, shift=-5.0))
    for old, variable in zip(before, layer.variables, strict=True):
        np.testing.assert_array_equal(old, variable.numpy())


def test_without_initialization_actnorm_is_the_identity():
    layer = bijectors.ActNorm(dtype="float64")
    layer.build((None, 4, 4, 6))
    np.testing.assert_array_equal(layer.forward(images()), images())


def test_statistics_are_those_of_the_global_batch():
    """Two workers with different halves set what one worker with both sets."""
    both = images()
    halves = tf.split(both, 2)
    whole = bijectors.ActNorm(dtype="float64")
    whole.build((None, 4, 4, 6))
    whole.initialize(both)

    other = tf.stack([tf.reduce_mean(halves[1], [0, 1, 2]), tf.reduce_mean(halves[1] ** 2, [0, 1, 2])])
    half = bijectors.ActNorm(dtype="float64")
    half.build((None, 4, 4, 6))
    half.initialize(halves[0], NONE, lambda mine: (mine + other) / 2.0)
    for a, b in zip(half.variables, whole.variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)


def test_every_actnorm_of_a_flow_is_initialized_in_one_pass():
    flow = glow((8, 8, 3), levels=2, depth=3, width=16, precision="float64")
    flow.reset_weights()
    pixels = tf.constant(np.random.default_rng(0).integers(0, 256, (32, 8, 8, 3)), tf.uint8)
    flow.initialize(pixels, 0)
    flags = [v for v in flow.variables if v.path.endswith("initialized")]
    assert len(flags) == 2 * 3
    assert all(np.all(v.numpy() == 1.0) for v in flags)
    # Each step of the second level normalizes what the steps before it made of the same batch.
    preprocessing, multiscale = flow.bijector.layers
    first, second = multiscale.levels
    x = preprocessing.forward(flow.dequantize(pixels, 0))
    y, _ = multiscale.splits[0].forward(first.forward(x))
    squeeze, repeated = second.layers
    y = squeeze.forward(y)
    actnorm, convolution, coupling = repeated.step().layers
    for k in range(3):
        with repeated.bind(repeated.slices(k)):
            normalized = actnorm.forward(y)
            mean, deviation = moments(normalized)
            half = tf.split(convolution.forward(normalized), 2, -1)[1]
            before_relu = moments(coupling.network.first.call(half))
            y = repeated.step().forward(y)
        np.testing.assert_allclose(mean, 0.0, atol=1e-6)
        np.testing.assert_allclose(deviation, 1.0, atol=1e-4)
        np.testing.assert_allclose(before_relu[0], 0.0, atol=1e-6)
        np.testing.assert_allclose(before_relu[1], 1.0, atol=1e-4)


def test_initialization_can_be_traced():
    flows = [glow((8, 8, 3), levels=1, depth=2, width=8, precision="float64") for _ in range(2)]
    for flow in flows:
        flow.reset_weights(0)
    eager, traced = (flow.bijector for flow in flows)
    x = tf.constant(np.random.default_rng(0).uniform(size=(16, 8, 8, 3)))
    eager.initialize(x)
    tf.function(traced.initialize, autograph=False)(x)
    for a, b in zip(eager.variables, traced.variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-12, err_msg=a.path)


def test_layers_and_bytes_are_initialized_alike():
    """A flow takes images and dequantizes them itself."""
    of_images, of_floats = (glow((8, 8, 3), levels=1, depth=2, width=8, precision="float64") for _ in range(2))
    pixels = tf.constant(np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3)), tf.uint8)
    of_images.reset_weights(1)
    of_images.initialize(pixels, seed=5, first=7)
    of_floats.initialize(of_floats.dequantize(pixels, 5, 7), reset_seed=1)
    for a, b in zip(of_images.variables, of_floats.variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, err_msg=a.path)


OF_DATA = {
    "flow": lambda: glow((4, 4, 6), levels=1, depth=1, width=4),
    "actnorm": bijectors.ActNorm,
    "position": lambda: bijectors.ActNorm("position"),
    "glow": lambda: affine_coupling(4),
    "attention": lambda: bijectors.Coupling(bijectors.Affine(), AttentionNetwork(4, blocks=1, heads=0)),
    "resnet": lambda: bijectors.Coupling(bijectors.Affine(), ResNetNetwork(4, blocks=1)),
}


@pytest.mark.parametrize("make", OF_DATA.values(), ids=OF_DATA.keys())
def test_no_images_are_refused_and_leave_weights_as_they_are(make):
    layer = make()
    if not layer.built:
        layer.build((None, 4, 4, 6))
    before = [variable.numpy() for variable in layer.variables]
    with pytest.raises(ValueError, match="expected images to initialize with, got none"):
        layer.initialize(tf.zeros([0, 4, 4, 6]))
    for variable, value in zip(layer.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_one_image_has_no_deviation_at_a_position():
    """Of one worker; several have one each."""
    layer = bijectors.ActNorm("position")
    layer.build((None, 4, 4, 6))
    one = tf.cast(images(1), tf.float32)
    with pytest.raises(ValueError, match="expected several images to initialize with, got one"):
        layer.initialize(one)
    both = tf.cast(images(2), tf.float32)
    moments = tf.stack([tf.reduce_mean(both, 0), tf.reduce_mean(both**2, 0)])
    layer.initialize(both[:1], NONE, lambda of_one: tf.cast(moments, of_one.dtype))
    np.testing.assert_allclose(tf.reduce_mean(layer.forward(both), 0), np.zeros((4, 4, 6)), atol=1e-3)


class ByDefault(bijectors.InvertibleShift):
    """Has a weight whose values nobody has said anything of."""

    def build(self, input_shape):
        super().build(input_shape)
        self.weight = self.add_weight(shape=(3, 4), name="weight")
        self.by_place = self.add_weight((3, 4), "ones")


@pytest.mark.parametrize("make", [ByDefault, lambda: bijectors.Repeated(ByDefault(), 2)], ids=["alone", "repeated"])
def test_a_weight_without_an_initializer_is_that_of_the_seed(make):
    """It has Keras' own, which is random."""
    drawn = []
    for seed in (0, 0, 1):
        layer = make()
        layer.build((None, 4, 4, 6))
        layer.reset_weights(seed)
        drawn.append(next(variable.numpy() for variable in layer.variables if variable.path.endswith("weight")))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert np.all(drawn[0] != drawn[2]) and np.all(drawn[0] != 0.0)


@pytest.mark.parametrize("repeated", [False, True], ids=["alone", "repeated"])
def test_what_is_inverted_is_initialized(repeated):
    """The network of a coupling the other way round is set as that of the coupling: both see the same half."""
    inverted, coupling = bijectors.Invert(affine_coupling(4)), affine_coupling(4)
    layers = [bijectors.Repeated(layer, 1) if repeated else layer for layer in (inverted, coupling)]
    x = tf.cast(images(), tf.float32)
    for layer in layers:
        layer.build((None, 4, 4, 6))
        layer.reset_weights(0)
        y = layer.initialize(x)
        np.testing.assert_array_equal(y, layer.forward(x))
    for found, expected in zip(*(layer.variables for layer in layers), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6, err_msg=found.path)
    (initialized, *_) = (v for v in layers[0].variables if v.path.endswith("initialized"))
    assert np.all(initialized.numpy() == 1.0)


def test_what_maps_a_part_of_all_numbers_is_initialized_the_other_way_round():
    layer = bijectors.Invert(bijectors.Logit())
    layer.build((None, 4, 4, 6))
    x = 10.0 * tf.cast(images(), tf.float32)
    np.testing.assert_array_equal(layer.initialize(x), layer.forward(x))
