"""Randomness: each layer of a composition draws from a seed of its own, which is the same whatever is asked of it."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors import ActNorm, Chain, Conv1x1, Inputs, MultiScale, Repeated, Seed, Split, Squeeze
from flowconv.models import Flow, StandardNormal
from flowconv.surjections.uniform import UniformDequantization
from tests.layers import Noisy

SHAPE = (4, 4, 4)
INPUTS = Inputs(seed=Seed(3, first=5))


def noisy():
    return Noisy(dtype="float64")


def chain(*layers):
    return Chain(layers, dtype="float64")


def repeated(step, depth):
    return Repeated(step, depth, dtype="float64")


def affine():
    """Two layers that are computed as one; identities, as they are built."""
    return [ActNorm(dtype="float64"), Conv1x1(dtype="float64")]


def levels():
    level = [chain(noisy(), *affine(), noisy()) for _ in range(2)]
    return MultiScale(level, [Split(dtype="float64")], dtype="float64")


COMPOSITIONS = {
    "chain": lambda: chain(noisy(), *affine(), noisy(), noisy()),
    "chains": lambda: chain(chain(noisy()), chain(noisy(), noisy())),
    "squeezed": lambda: chain(noisy(), Squeeze(dtype="float64"), noisy()),
    "levels": levels,
    "loops": lambda: chain(repeated(noisy(), 2), repeated(noisy(), 3)),
    "loop of a chain": lambda: repeated(chain(noisy(), *affine(), noisy()), 2),
}
every_composition = pytest.mark.parametrize("make", COMPOSITIONS.values(), ids=COMPOSITIONS.keys())


def images(n=3):
    return tf.constant(np.random.default_rng(0).standard_normal((n, *SHAPE)))


def built(make):
    layer = make()
    layer.build((None, *SHAPE))
    return layer


def flat(y):
    return tf.concat([tf.reshape(part, [len(part), -1]) for part in tf.nest.flatten(y)], 1).numpy()


def noise_of_each(layer, inputs=INPUTS):
    """What each layer that draws adds to x = 0 if the others add nothing."""
    weights = [variable for variable in layer.variables if variable.path.endswith("weight")]
    found = []
    for chosen, variable in enumerate(weights):
        for step in np.ndindex(tuple(variable.shape)):
            for number, other in enumerate(weights):
                value = np.zeros(other.shape)
                value[step if number == chosen else ...] = float(number == chosen)
                other.assign(value)
            found.append(flat(layer.forward(tf.zeros((3, *SHAPE), tf.float64), inputs)))
    return found


@every_composition
def test_each_layer_draws_for_itself(make):
    noise = noise_of_each(built(make))
    assert len(noise) >= 2
    for one in noise:
        assert np.std(one) > 0.05
    for one, other in itertools.combinations(noise, 2):
        assert not np.any(np.intersect1d(one[one != 0], other[other != 0]))  # wherever a squeeze puts them


@every_composition
def test_all_that_is_asked_of_it_sees_the_same_draws(make):
    layer, x = built(make), images()
    y = layer.forward(x, INPUTS)
    np.testing.assert_array_equal(flat(layer.forward(x, INPUTS)), flat(y))
    np.testing.assert_allclose(layer.inverse(y, INPUTS), x, atol=1e-12)
    if isinstance(y, tf.Tensor):
        found, _ = layer.inverse_and_gradients(y, tf.ones_like(y), tf.ones(3, tf.float64), INPUTS)
        np.testing.assert_allclose(found, x, atol=1e-12)
    assert np.max(np.abs(flat(layer.forward(x, Inputs(seed=Seed(4)))) - flat(y))) > 0.1
    without = built(make)  # whose data-dependent layers are set by now: initialization itself draws nothing else
    for variable in without.variables:
        if variable.path.endswith("initialized"):
            variable.assign(tf.ones_like(variable.value))
    np.testing.assert_allclose(flat(without.initialize(x, INPUTS)), flat(y), atol=1e-12)


def test_a_flow_s_layers_draw_other_noise_than_its_dequantization():
    layer = Noisy(name="noisy")
    flow = Flow(UniformDequantization(), layer, StandardNormal(), SHAPE)
    images = tf.zeros((3, *SHAPE), tf.uint8)
    of_dequantization = 256.0 * flow.dequantize(images, 3, 5).numpy()
    seen = []
    noise = layer._noise
    layer._noise = lambda x, inputs: seen.append(noise(x, inputs)) or seen[-1]
    flow.bits_per_dim(images, 3, 5)
    assert abs(np.corrcoef(of_dequantization.ravel(), np.ravel(seen[0]))[0, 1]) < 0.3
    flow.initialize(images, 3, 5)
    assert len(seen) == 2  # (that of a graph is no number here)
