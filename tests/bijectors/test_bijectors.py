"""One parametrized proof of every bijector: shape, round trip, log-determinant; and controls that must fail it."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv import bijectors
from flowconv.bijectors.matrices import MATRICES
from flowconv.bijectors.partitions import Checkerboard
from tests.checks import check_log_det, check_round_trip, perturb

SHAPE = (4, 4, 4)


def step(dtype):
    return bijectors.Chain(
        [
            bijectors.ActNorm(dtype=dtype),
            bijectors.ShiftConvolution(dtype=dtype),
            bijectors.AffineCoupling(8, dtype=dtype),
        ],
        dtype=dtype,
    )


BIJECTORS = {
    "actnorm": lambda dtype: bijectors.ActNorm(dtype=dtype),
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
        for name in ("emerging", "periodic", "rolled_shift")
    },
    "shift_convolution_per_position": lambda dtype: bijectors.ShiftConvolution("position", dtype=dtype),
    "autoregressive_convolution": lambda dtype: bijectors.AutoregressiveConvolution(dtype=dtype),
    "autoregressive_convolution_reverse": lambda dtype: bijectors.AutoregressiveConvolution(5, True, dtype=dtype),
    "roll": lambda dtype: bijectors.Roll(dtype=dtype),
    "affine_coupling": lambda dtype: bijectors.AffineCoupling(8, dtype=dtype),
    "additive_coupling": lambda dtype: bijectors.AdditiveCoupling(8, dtype=dtype),
    "affine_coupling_on_fields": lambda dtype: bijectors.AffineCoupling(8, partition=Checkerboard(0), dtype=dtype),
    "additive_coupling_on_fields": lambda dtype: bijectors.AdditiveCoupling(8, partition=Checkerboard(1), dtype=dtype),
    "squeeze": lambda dtype: bijectors.Squeeze(dtype=dtype),
    "split_standard": lambda dtype: bijectors.Split("standard", dtype=dtype),
    "split_learned": lambda dtype: bijectors.Split("learned", dtype=dtype),
    "logit": lambda dtype: bijectors.Logit(dtype=dtype),
    "centre": lambda dtype: bijectors.Centre(dtype=dtype),
    "chain": step,
    "repeated_store": lambda dtype: bijectors.Repeated(step(dtype), 3, "store", dtype=dtype),
    "repeated_recompute": lambda dtype: bijectors.Repeated(step(dtype), 3, "recompute", dtype=dtype),
    "repeated_invert": lambda dtype: bijectors.Repeated(step(dtype), 3, "invert", dtype=dtype),
}


def build(make, dtype):
    layer = make(dtype)
    layer.build((None, *SHAPE))
    perturb(layer)
    return layer


def images(dtype, n=3):
    return tf.constant(np.random.default_rng(1).uniform(0.02, 0.98, (n, *SHAPE)), dtype)


every_bijector = pytest.mark.parametrize("make", BIJECTORS.values(), ids=BIJECTORS.keys())


@every_bijector
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-10)])
def test_round_trip(make, dtype, tolerance):
    check_round_trip(build(make, dtype), images(dtype), tolerance)


@every_bijector
def test_log_det_is_that_of_the_jacobian(make):
    check_log_det(build(make, "float64"), images("float64", 2), 1e-8)


@every_bijector
def test_inverse_and_gradients_agree_with_automatic_differentiation(make):
    layer = build(make, "float64")
    if isinstance(layer, bijectors.Split):
        pytest.skip("a split has two outputs: nothing walks back through it")
    x = images("float64")
    generator = np.random.default_rng(2)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y, log_det = layer.forward_and_log_det(x)
    dy = tf.constant(generator.standard_normal(y.shape))
    dlog_det = tf.constant(generator.standard_normal(log_det.shape))
    variables = layer.trainable_variables
    sources = [x, *(v.value for v in variables)]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        outputs = layer.forward_and_log_det(x)
    expected = tape.gradient(outputs, sources, [dy, dlog_det], unconnected_gradients="zero")
    found_x, dx, gradients = layer.inverse_and_gradients(y, dy, dlog_det)
    np.testing.assert_allclose(found_x, x, atol=1e-10)
    np.testing.assert_allclose(dx, expected[0], atol=1e-9)
    for variable, value in zip(variables, expected[1:], strict=True):
        np.testing.assert_allclose(gradients[id(variable)], value, atol=1e-9, err_msg=variable.path)


@every_bijector
def test_weights_matter(make):
    """The perturbation reaches every weight: none of the proofs above is about a layer at its start."""
    layer = build(make, "float64")
    x = images("float64")
    with tf.GradientTape() as tape:
        y, log_det = layer.forward_and_log_det(x)
        probe = sum(tf.reduce_sum(tf.sin(3.0 * t)) for t in tf.nest.flatten(y)) + tf.reduce_sum(log_det)
    gradients = tape.gradient(probe, [v.value for v in layer.trainable_variables])
    for variable, gradient in zip(layer.trainable_variables, gradients, strict=True):
        assert gradient is not None and np.any(gradient.numpy() != 0), variable.path


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
@pytest.mark.parametrize(
    "make", [lambda: bijectors.ActNorm(), lambda: bijectors.Split("learned")], ids=["actnorm", "split"]
)
def test_no_scale_is_0_or_infinite(make, log_scale):
    layer = make()
    layer.build((None, *SHAPE))
    scale = layer.log_scale if isinstance(layer, bijectors.ActNorm) else layer.moments.bias
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

    def inverse_and_log_det(self, y):
        return y * tf.exp(-self.log_alpha), -self.log_det(y)


class WrongLogDet(bijectors.InvertibleShift):
    """Has the log-determinant of Algorithm 1 as printed, without H·W."""

    def log_det(self, x):
        return super().log_det(x) / (x.shape[1] * x.shape[2])


class WrongCouplingLogDet(bijectors.AffineCoupling):
    """Leaves the scale out of the log-determinant."""

    def transform(self, x_a, parameters):
        y_a, log_det = super().transform(x_a, parameters)
        return y_a, tf.zeros_like(log_det)

    def invert(self, y_a, parameters):
        x_a, log_det = super().invert(y_a, parameters)
        return x_a, tf.zeros_like(log_det)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_wrong_inverse_fails(dtype):
    with pytest.raises(AssertionError):
        check_round_trip(build(lambda dtype: WrongInverse(dtype=dtype), dtype), images(dtype), 1e-5)


@pytest.mark.parametrize("wrong", [WrongLogDet, lambda dtype: WrongCouplingLogDet(8, dtype=dtype)])
def test_a_wrong_log_det_fails(wrong):
    make = (lambda dtype: wrong(dtype=dtype)) if isinstance(wrong, type) else wrong
    with pytest.raises(AssertionError):
        check_log_det(build(make, "float64"), images("float64", 1), 1e-8)
