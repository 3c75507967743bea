"""Pixels to and fro."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors import Inputs, Seed
from flowconv.surjections import DEQUANTIZATIONS, build_dequantization
from flowconv.surjections.uniform import UniformDequantization


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_bits", range(1, 9))
def test_levels_survive_any_noise(n_bits, dtype):
    images = tf.constant(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1))
    layer = UniformDequantization(n_bits)
    levels = images.numpy().astype(int) >> (8 - n_bits)
    for noise in (0.0, 0.5, 0.999, 1.0 - 2.0**-17, 1.0 - 2.0**-24):
        x = layer.add(images, tf.constant(noise, dtype))
        assert np.min(x) >= 0 and np.max(x) < 1
        np.testing.assert_array_equal(np.floor(x * 2.0**n_bits), levels)
        shown = layer.inverse(x)
        np.testing.assert_array_equal(shown, np.round(levels * 255 / (2**n_bits - 1)))
    if n_bits == 8:
        np.testing.assert_array_equal(shown, images)


def test_noise_that_stays_in_its_cell_is_added_as_it_is():
    """Whatever the level: no draw but one that would round up to the next level is moved."""
    levels = np.arange(256, dtype=np.float32)[:, None]
    u = np.concatenate(
        [2.0**-24 * np.random.default_rng(0).integers(0, 2**24, 4096), 1.0 - 2.0 ** -np.arange(1.0, 25.0)]
    )
    plain = levels + u.astype(np.float32)
    images = tf.constant(np.arange(256).reshape(256, 1), tf.uint8)
    for how in (False, True):
        add = tf.function(UniformDequantization().add, jit_compile=how, autograph=False)
        x = add(images, tf.constant(u[None], tf.float32)).numpy() * 256.0
        stays = plain < levels + 1.0
        np.testing.assert_array_equal(x[stays], plain[stays])
        np.testing.assert_array_equal(x[~stays], np.nextafter(levels + 1.0, np.float32(0.0)).repeat(len(u), 1)[~stays])
        assert np.sum(~stays) > 100


def test_noise_is_that_of_the_seed():
    images = tf.constant(np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3)), tf.uint8)
    layer = UniformDequantization(5, dtype="float64")
    seed = Seed(3, first=10)
    x, log_density = layer.forward_and_log_density(images, Inputs(seed=seed))
    np.testing.assert_array_equal(x, layer.add(images, tf.cast(seed.uniform(images.shape), tf.float64)))
    np.testing.assert_array_equal(log_density, np.zeros(5))
    np.testing.assert_array_equal(layer.initialize(images, Inputs(seed=seed), tf.identity), x)
    assert np.max(np.abs(x - layer.initialize(images, Inputs(seed=Seed(4)), tf.identity))) > 0.01


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", DEQUANTIZATIONS)
def test_noise_without_a_seed_is_refused(name, training):
    layer = DEQUANTIZATIONS.make(name, {}, name="noise")
    layer.build((None, 4, 4, 3))
    with pytest.raises(ValueError, match=r"^noise: expected a seed in its inputs, as .*, got none$"):
        layer.forward_and_log_density(tf.zeros([1, 4, 4, 3], tf.uint8), Inputs(training=training))


def test_refuses():
    with pytest.raises(
        ValueError, match="dequantization must be one of gaussian, uniform, variational, got 'uniformly'"
    ):
        build_dequantization("uniformly")
    for n_bits in (0, 9, 2.5, None):
        with pytest.raises(ValueError, match=f"n_bits must be a whole number from 1 to 8, got {n_bits}"):
            UniformDequantization(n_bits)
