"""One parametrized proof of every bijector: shape, round trip, log-determinant; and controls that must fail it."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv import bijectors
from flowconv.bijectors import NONE, CheckerboardMask, Inputs, PackedMask, Seed, StripeMask
from flowconv.bijectors.matrices import MATRICES
from flowconv.networks.glow import GlowNetwork
from flowconv.networks.lipschitz_convolution import LipschitzConvolutionNetwork
from flowconv.networks.masked_convolution import MaskedConvolutionNetwork
from flowconv.testing import (
    check_gradients,
    check_log_det,
    check_round_trip,
    check_serialization,
    check_weights_matter,
    perturbed,
)
from tests.layers import (
    Conditioned,
    Noisy,
    a_condition,
    additive_coupling,
    affine_coupling,
    autoregressive,
    halves,
    learned_split,
    rearranged,
    residual,
    step,
)

SHAPE = (4, 4, 4)


BIJECTORS = {
    "actnorm": lambda dtype: bijectors.ActNorm(dtype=dtype),
    "actnorm_per_position": lambda dtype: bijectors.ActNorm("position", dtype=dtype),
    "shift_per_channel": lambda dtype: bijectors.InvertibleShift("channel", dtype=dtype),
    "shift_per_position": lambda dtype: bijectors.InvertibleShift("position", dtype=dtype),
    **{f"conv1x1_{name}": lambda dtype, name=name: bijectors.Conv1x1(name, dtype=dtype) for name in MATRICES},
    **{
        f"{name}_convolution": lambda dtype, name=name: bijectors.build_convolution(name, {}, dtype=dtype)
        for name in bijectors.CONVOLUTIONS
    },
    **{
        f"{name}_convolution_5x5": lambda dtype, name=name: bijectors.build_convolution(
            name, {"kernel_size": 5}, dtype=dtype
        )
        for name in ("emerging", "periodic", "rolled_shift", "grouped_shift")
    },
    "grouped_shift_convolution_periodic": lambda dtype: bijectors.GroupedShiftConvolution(
        rounds=2, border="periodic", grouping="neighbouring", dtype=dtype
    ),
    "shift_convolution_per_position": lambda dtype: bijectors.ShiftConvolution("position", dtype=dtype),
    "autoregressive_convolution": lambda dtype: bijectors.AutoregressiveConvolution(dtype=dtype),
    "autoregressive_convolution_reverse": lambda dtype: bijectors.AutoregressiveConvolution(5, True, dtype=dtype),
    "grouped_shift": lambda dtype: bijectors.GroupedShift([(0, 1), (1, 0)], dtype=dtype),
    "invert": lambda dtype: bijectors.Invert(bijectors.InvertibleShift("position", dtype=dtype), dtype=dtype),
    "autoregressive": lambda dtype: autoregressive(dtype=dtype),
    "residual": lambda dtype: residual(dtype),
    "flatten": lambda dtype: bijectors.Flatten(dtype=dtype),
    "flip": lambda dtype: bijectors.Flip(dtype=dtype),
    "roll": lambda dtype: bijectors.Roll(dtype=dtype),
    "affine_coupling": lambda dtype: affine_coupling(8, dtype=dtype),
    "additive_coupling": lambda dtype: additive_coupling(8, dtype=dtype),
    "affine_coupling_on_fields": lambda dtype: affine_coupling(8, CheckerboardMask(0), dtype=dtype),
    "additive_coupling_on_fields": lambda dtype: additive_coupling(8, CheckerboardMask(1), dtype=dtype),
    "affine_coupling_on_stripes": lambda dtype: affine_coupling(8, StripeMask(0), dtype=dtype),
    "additive_coupling_on_stripes": lambda dtype: additive_coupling(8, StripeMask(1), dtype=dtype),
    "diagonal": lambda dtype: bijectors.Diagonal(dtype=dtype),
    "reorder": lambda dtype: bijectors.Reorder([2, 0, 3, 1], dtype=dtype),
    "swap_halves": lambda dtype: bijectors.SwapHalves(dtype=dtype),
    "swap_stripes": lambda dtype: bijectors.SwapHalves(StripeMask(0), dtype=dtype),
    "halves": lambda dtype: halves(StripeMask(0), dtype),
    "rearranged": lambda dtype: rearranged([PackedMask(CheckerboardMask(0))], dtype),
    "rearranged_repeated": lambda dtype: bijectors.Repeated(rearranged(None, dtype), 4, dtype=dtype),
    "squeeze": lambda dtype: bijectors.Squeeze(dtype=dtype),
    "squeeze_4x4": lambda dtype: bijectors.Squeeze(4, dtype=dtype),
    "split_standard": lambda dtype: bijectors.Split(dtype=dtype),
    "split_learned": learned_split,
    "logit": lambda dtype: bijectors.Logit(dtype=dtype),
    "centre": lambda dtype: bijectors.Centre(dtype=dtype),
    "symmetric": lambda dtype: bijectors.Symmetric(dtype=dtype),
    "chain": step,
    "empty_chain": lambda dtype: bijectors.Chain([bijectors.Chain([], dtype=dtype)], dtype=dtype),
    "repeated_store": lambda dtype: bijectors.Repeated(step(dtype), 3, "store", dtype=dtype),
    "repeated_recompute": lambda dtype: bijectors.Repeated(step(dtype), 3, "recompute", dtype=dtype),
    "repeated_invert": lambda dtype: bijectors.Repeated(step(dtype), 3, "invert", dtype=dtype),
}


def build(make, dtype):
    return perturbed(make(dtype), SHAPE)


def images(dtype, n=3):
    return tf.constant(np.random.default_rng(1).uniform(0.02, 0.98, (n, *SHAPE)), dtype)


every_bijector = pytest.mark.parametrize("make", BIJECTORS.values(), ids=BIJECTORS.keys())


@every_bijector
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-10)])
def test_round_trip(make, dtype, tolerance):
    check_round_trip(build(make, dtype), images(dtype), NONE, tolerance)


@every_bijector
def test_log_det_is_that_of_the_jacobian(make):
    check_log_det(build(make, "float64"), images("float64", 2), NONE, 1e-9)


@every_bijector
def test_gradients_agree_with_automatic_differentiation(make):
    layer = build(make, "float64")
    if isinstance(layer, bijectors.Split):
        pytest.skip("a split has two outputs: nothing walks back through it")
    check_gradients(layer, images("float64"), NONE, 1e-10)


@every_bijector
def test_weights_matter(make):
    """The perturbation reaches every weight: none of the proofs above is about a layer at its start."""
    check_weights_matter(build(make, "float64"), images("float64"), NONE)


@every_bijector
def test_a_configuration_makes_an_equal_layer(make):
    check_serialization(build(make, "float64"), images("float64"), NONE, 1e-12)


def every_input(x, seed=3):
    """A condition of whole numbers and of floats, a seed, and training."""
    return Inputs(a_condition(len(x), x.shape[1:], x.dtype, seed), Seed(seed), training=True)


def check_same_results(layer, x, *both):
    """Of both ways, and of initialization, with one inputs and with others."""
    results = []
    for inputs in both:
        y, log_det = layer.forward_and_log_det(x, inputs)
        initialized = layer.initialize(x, inputs)
        results.append(tf.nest.flatten((y, log_det, initialized, layer.inverse_and_log_det(y, inputs))))
    for found, expected in zip(*results, strict=True):
        np.testing.assert_array_equal(found, expected)


@every_bijector
def test_inputs_that_a_layer_does_not_use_change_nothing(make):
    layer = build(make, "float64")
    x = images("float64")
    layer.initialize(x)
    inputs = every_input(x)
    check_same_results(layer, x, NONE, inputs)
    if isinstance(layer, bijectors.Split):
        return
    y, log_det = layer.forward_and_log_det(x)
    found, found_gradients = layer.inverse_and_gradients(y, y, log_det, inputs)
    expected, gradients = layer.inverse_and_gradients(y, y, log_det)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found_gradients.x, gradients.x)
    for of_condition, given in zip(found_gradients.condition, inputs.condition["floats"], strict=True):
        np.testing.assert_array_equal(of_condition, tf.zeros_like(given))
    for variable in layer.trainable_variables:
        np.testing.assert_array_equal(found_gradients.variables[id(variable)], gradients.variables[id(variable)])


@every_bijector
def test_tfp_bijector(make):
    layer = build(make, "float64")
    if isinstance(layer, bijectors.Split):
        pytest.skip("a split has two outputs; a whole flow is one tfb.Bijector")
    bijector = layer.as_bijector(SHAPE)
    x = tf.reshape(images("float64", 6), (2, 3, *SHAPE))
    y = bijector.forward(x)
    assert y.shape == (2, 3, *layer.forward_shape(SHAPE)) == bijector.forward_event_shape(x.shape)
    np.testing.assert_allclose(bijector.inverse(tf.identity(y)), x, atol=1e-10)  # identity: TFP caches by object
    single = layer.forward_log_det_jacobian(x[1])
    np.testing.assert_allclose(bijector.forward_log_det_jacobian(x)[1], single, atol=1e-10)
    np.testing.assert_allclose(bijector.inverse_log_det_jacobian(tf.identity(y))[1], -single, atol=1e-9)


@pytest.mark.parametrize("log_scale", [-1e9, -110.0, 110.0, 1e9])
@pytest.mark.parametrize("make", [bijectors.ActNorm, learned_split], ids=["actnorm", "split"])
def test_no_scale_is_0_or_infinite(make, log_scale):
    layer = make()
    layer.build((None, *SHAPE))
    scale = layer.log_scale if isinstance(layer, bijectors.ActNorm) else layer.network.moments.bias
    scale.assign(tf.fill(scale.shape, log_scale))
    x = tf.zeros((2, *SHAPE)) if isinstance(layer, bijectors.ActNorm) else images("float32")
    y, log_det = layer.forward_and_log_det(x)
    back, back_log_det = layer.inverse_and_log_det(y)
    for result in tf.nest.flatten((y, log_det, back)):
        assert np.all(np.isfinite(result))
    np.testing.assert_array_equal(back_log_det, -log_det)


def test_a_scale_of_any_ordinary_run_is_as_it_was():
    layer = bijectors.ActNorm()
    layer.build((None, *SHAPE))
    log_scale = np.float32([-59.0, -0.1, 3.0, 59.0])
    layer.log_scale.assign(log_scale)
    np.testing.assert_array_equal(layer.affine().matrix, tf.exp(log_scale))


class WrongInverse(bijectors.InvertibleShift):
    """Forgets β on the way back."""

    def inverse_and_log_det(self, y, inputs=NONE):
        return y * tf.exp(-self.log_alpha), -self.log_det(y)


class WrongLogDet(bijectors.InvertibleShift):
    """Has the log-determinant of Algorithm 1 as printed, without H·W."""

    def log_det(self, x):
        return super().log_det(x) / (x.shape[1] * x.shape[2])


class WrongTransform(bijectors.Affine):
    """Leaves the scale out of the log-determinant."""

    def forward_and_log_det(self, x, parameters):
        y, log_det = super().forward_and_log_det(x, parameters)
        return y, tf.zeros_like(log_det)

    def inverse_and_log_det(self, y, parameters):
        x, log_det = super().inverse_and_log_det(y, parameters)
        return x, tf.zeros_like(log_det)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_wrong_inverse_fails(dtype):
    with pytest.raises(AssertionError):
        check_round_trip(build(lambda dtype: WrongInverse(dtype=dtype), dtype), images(dtype), NONE, 1e-5)


WRONG = {
    "shift": lambda dtype: WrongLogDet(dtype=dtype),
    "coupling": lambda dtype: affine_coupling(8, dtype=dtype, transform=WrongTransform()),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_log_det_fails(wrong):
    with pytest.raises(AssertionError):
        check_log_det(build(wrong, "float64"), images("float64", 1), NONE, 1e-9)


USES = {"a condition": lambda dtype: Conditioned(dtype=dtype), "a seed": lambda dtype: Noisy(dtype=dtype)}


@pytest.mark.parametrize("make", USES.values(), ids=USES.keys())
def test_inputs_that_a_layer_uses_matter(make):
    """The control."""
    layer, x = build(make, "float64"), images("float64")
    check_same_results(layer, x, every_input(x), every_input(x))
    with pytest.raises(AssertionError):
        check_same_results(layer, x, every_input(x), every_input(x, seed=7))


OF_NETWORKS = {
    "coupling": lambda dtype: affine_coupling(8, network_dtype=dtype),
    "autoregressive": lambda dtype: autoregressive(network=MaskedConvolutionNetwork(8, dtype=dtype)),
    "residual": lambda dtype: bijectors.Residual(LipschitzConvolutionNetwork(8, dtype=dtype)),
    "split": lambda dtype: bijectors.Split(bijectors.Gaussian(), GlowNetwork(8, dtype=dtype)),
}


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "float64"])
@pytest.mark.parametrize("make", OF_NETWORKS.values(), ids=OF_NETWORKS.keys())
def test_a_network_may_have_another_dtype(make, dtype):
    layer, x = perturbed(make(dtype), SHAPE), images("float32")
    y = layer.initialize(x)
    results = [y, layer.forward_and_log_det(x), layer.inverse_and_log_det(y)]
    assert {result.dtype for result in tf.nest.flatten(results)} == {tf.float32}
