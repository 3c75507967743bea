"""TensorFlow Probability's bijectors as layers of a flow."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb

from flowconv.bijectors import ActNorm, Chain, Inputs, Logit, Repeated
from flowconv.bijectors.from_tfp import FromTFP
from flowconv.models import Flow, StandardNormal
from flowconv.surjections.uniform import UniformDequantization
from flowconv.testing import check_compiles, check_log_det, check_round_trip, check_weights_matter, perturbed
from flowconv.testing import images as images_of

SHAPE = (2, 2, 3)


@keras.saving.register_keras_serializable("tests")
def masked_autoregressive(shape, dtype="float32"):
    """TFP's MaskedAutoregressiveFlow over an image's numbers, whose density needs one pass."""
    numbers = int(np.prod(shape))
    network = tfb.AutoregressiveNetwork(
        params=2, hidden_units=[16], activation="tanh", event_shape=[numbers], dtype=dtype
    )
    flow = tfb.Invert(tfb.MaskedAutoregressiveFlow(network))
    return tfb.Chain([tfb.Reshape(shape, [numbers]), flow, tfb.Reshape([numbers], shape)])


@keras.saving.register_keras_serializable("tests")
def spline(shape, dtype="float32"):
    """TFP's RationalQuadraticSpline of every number, with knots of its own, from -6 to 6."""

    def of_sum_12(value):
        return tf.nn.softmax(value) * (12.0 - 4 * 0.1) + 0.1

    def positive(value):
        return tf.nn.softplus(value) + 0.01

    widths, heights, slopes = (
        tfp.util.DeferredTensor(tf.Variable(tf.zeros([*shape, count], dtype), name=name), function)
        for name, count, function in (("widths", 4, of_sum_12), ("heights", 4, of_sum_12), ("slopes", 3, positive))
    )
    return tfb.RationalQuadraticSpline(widths, heights, slopes, tf.constant(-6.0, dtype))


@pytest.mark.parametrize("make", [masked_autoregressive, spline])
def test_is_a_bijector(make):
    layer = perturbed(FromTFP(lambda shape: make(shape, "float64"), dtype="float64"), SHAPE)
    for variable in layer.trainable_variables:
        if variable.constraint is not None:  # as an optimizer does: masks of TFP's networks are such
            variable.assign(variable.constraint(variable.value))
    x, inputs = images_of(SHAPE, "float64"), Inputs()
    for check in (check_round_trip, check_log_det, check_compiles):
        check(layer, x, inputs, 1e-7)  # of XLA's tanh
    check_weights_matter(layer, x, inputs)


def of_both():
    layers = [Logit(), FromTFP(spline, name="spline"), FromTFP(masked_autoregressive, name="maf"), ActNorm()]
    flow = Flow(UniformDequantization(), Chain(layers), StandardNormal(), SHAPE)
    flow.reset_weights(0)
    return flow


def test_a_flow_of_them_trains(tmp_path):
    flow = of_both()
    images = np.random.default_rng(0).integers(0, 128, (16, *SHAPE)).astype(np.uint8)
    variables, optimizer = flow.trainable_variables, keras.optimizers.Adam(1e-2)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(flow.bits_per_dim(images))
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    start = [variable.numpy() for variable in variables]
    losses = [float(step()) for _ in range(10)]
    assert losses[-1] < losses[0] - 0.1
    assert all(np.any(variable.numpy() != value) for variable, value in zip(variables, start, strict=True))
    x = flow.dequantize_midpoint(images)
    np.testing.assert_allclose(flow.decode(flow.encode(x)), x, atol=1e-4)
    flow.save(tmp_path / "flow.keras")
    loaded = keras.models.load_model(tmp_path / "flow.keras")
    np.testing.assert_allclose(loaded.log_prob(x), flow.log_prob(x), rtol=1e-6)


def test_refuses_to_be_a_step():
    with pytest.raises(ValueError, match="can't be a step of Repeated"):
        Repeated(FromTFP(spline), 2).build((None, *SHAPE))
