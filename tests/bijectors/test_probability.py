"""Layers and flows as parts of larger things of TensorFlow Probability."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from flowconv.models import glow
from flowconv.testing import perturb
from tests.bijectors.test_bijectors import BIJECTORS, SHAPE, build, images

SAME_SHAPE = [name for name in BIJECTORS if not name.startswith(("split", "squeeze", "flatten"))]


def tiny_flow():
    flow = glow((4, 4, 3), levels=1, depth=2, width=4)
    flow.reset_weights(0)
    perturb(flow, 0.05)
    return flow


@pytest.mark.parametrize("name", SAME_SHAPE)
def test_a_layer_in_a_chain(name):
    layer, shift = build(BIJECTORS[name], "float64"), build(BIJECTORS["shift_per_channel"], "float64")
    chain = tfb.Chain([shift.as_bijector(SHAPE), layer.as_bijector(SHAPE)])  # the last one first
    x = images("float64")
    y, first = layer.forward_and_log_det(x)
    y, second = shift.forward_and_log_det(y)
    np.testing.assert_allclose(chain.forward(x), y, atol=1e-12)
    np.testing.assert_allclose(chain.forward_log_det_jacobian(x, 3), first + second, rtol=1e-10)
    np.testing.assert_allclose(chain.inverse(tf.identity(y)), x, atol=1e-10)


def test_a_flow_in_a_chain():
    flow = tiny_flow()
    chain = tfb.Chain([tfb.Scale(2.0), flow.as_bijector()])
    x = images("float32")[..., :3]
    latents, log_det = flow.encode_and_log_det(x)
    np.testing.assert_allclose(chain.forward(x), 2.0 * tf.reshape(latents[0], [3, -1]), rtol=1e-5)
    np.testing.assert_allclose(chain.forward_log_det_jacobian(x, 3), log_det + 48 * np.log(2.0), rtol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda flow: flow.as_bijector(),
        lambda flow: flow.as_distribution(),
        lambda flow: tfb.Chain([tfb.Scale(2.0), flow.as_bijector()]),
        lambda flow: tfd.Independent(flow.as_distribution(), 0),
        lambda flow: flow.bijector.layers[1].levels[0].as_bijector((4, 4, 3)),
    ],
    ids=["bijector", "distribution", "chain", "independent", "level"],
)
def test_the_weights_are_found(make):
    flow = tiny_flow()
    found = {id(variable) for variable in make(flow).trainable_variables}
    assert found == {id(variable.value) for variable in flow.trainable_variables}


def test_tfp_trains_a_distribution():
    flow = tiny_flow()
    distribution = flow.as_distribution()
    x = images("float32", 8)[..., :3]
    before = np.mean(flow.log_prob(x))
    losses = tfp.math.minimize(
        lambda: -tf.reduce_mean(distribution.log_prob(x)),
        30,
        tf_keras.optimizers.Adam(1e-2),
        trainable_variables=distribution.trainable_variables,
    )
    np.testing.assert_allclose(losses[0], -before, rtol=1e-4)
    assert np.mean(flow.log_prob(x)) > before + 10.0


def test_samples_of_a_distribution_differ(caplog):
    distribution = tiny_flow().as_distribution()
    assert np.max(np.abs(distribution.sample(2) - distribution.sample(2))) > 1e-3
    assert distribution.batch_shape == [] and not caplog.records  # nothing is said of it besides
