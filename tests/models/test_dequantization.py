"""Noise that belongs to an image, and pixels to and fro."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from flowconv.models.dequantization import dequantize, quantize, uniform_noise


@settings(deadline=None, max_examples=25)
@given(
    first=st.integers(0, 2**40),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    seed=st.integers(0, 2**31 - 1),
    shape=st.sampled_from([(2, 2, 1), (4, 4, 3), (1, 4), (8, 6, 3)]),
)
def test_an_example_s_noise_is_its_own(first, sizes, seed, shape):
    """However a stream is cut into batches, each example has the same noise."""
    whole = uniform_noise((sum(sizes), *shape), seed, first)
    parts, start = [], first
    for size in sizes:
        parts.append(uniform_noise((size, *shape), seed, start))
        start += size
    np.testing.assert_array_equal(tf.concat(parts, 0), whole)


def test_noise_is_uniform_and_differs():
    noise = uniform_noise((1000, 8, 8, 3), 0, 0).numpy()
    assert noise.min() >= 0 and noise.max() < 1
    counts, _ = np.histogram(noise, 10, (0, 1))
    np.testing.assert_allclose(counts / noise.size, 0.1, atol=5 * np.sqrt(0.09 / noise.size))
    assert len(np.unique(noise[:, 0, 0, 0])) > 990
    assert abs(np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1]) < 0.01
    for other in (uniform_noise((1000, 8, 8, 3), 1, 0), uniform_noise((1000, 8, 8, 3), 0, 0, stream=1)):
        assert abs(np.corrcoef(noise.ravel(), other.numpy().ravel())[0, 1]) < 0.01


def test_noise_is_the_same_when_compiled():
    def noise(first):
        return uniform_noise((5, 4, 4, 3), 7, first)

    first = tf.constant(123, tf.int64)
    np.testing.assert_array_equal(tf.function(noise, jit_compile=True)(first), noise(first))


def test_noise_refuses_odd_shapes():
    with pytest.raises(ValueError, match="multiple of 4"):
        uniform_noise((2, 3, 3, 3), 0, 0)


@pytest.mark.parametrize("n_bits", range(1, 9))
def test_levels_survive_any_noise(n_bits):
    images = tf.constant(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1))
    levels = images.numpy().astype(int) >> (8 - n_bits)
    for noise in (0.0, 0.5, 0.999):
        x = dequantize(images, tf.constant(noise, tf.float64), n_bits)
        assert np.min(x) >= 0 and np.max(x) < 1
        np.testing.assert_array_equal(np.floor(x * 2.0**n_bits), levels)
        shown = quantize(x, n_bits)
        np.testing.assert_array_equal(shown, np.round(levels * 255 / (2**n_bits - 1)))
    if n_bits == 8:
        np.testing.assert_array_equal(shown, images)
