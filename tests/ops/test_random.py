"""Noise that belongs to an image."""

import itertools

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from flowconv.ops.random import Seed


@settings(deadline=None, max_examples=25)
@given(
    first=st.integers(0, 2**40),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    key=st.integers(0, 2**31 - 1),
    shape=st.sampled_from([(2, 2, 1), (4, 4, 3), (1, 4), (8, 6, 3), (3, 3, 3), (1,)]),
    folded=st.lists(st.integers(0, 100), max_size=3),
)
def test_an_example_s_noise_is_its_own(first, sizes, key, shape, folded):
    """However a stream is cut into batches, each example has the same noise."""
    seed = Seed(key, first, folded=tuple(folded))
    whole = seed.uniform((sum(sizes), *shape))
    parts, start = [], 0
    for size in sizes:
        parts.append(seed.skip(start).uniform((size, *shape)))
        np.testing.assert_array_equal(parts[-1], seed._replace(first=first + start).uniform((size, *shape)))
        start += size
    np.testing.assert_array_equal(tf.concat(parts, 0), whole)


def test_noise_is_uniform_and_differs():
    noise = Seed(0).uniform((1000, 8, 8, 3)).numpy()
    assert noise.min() >= 0 and noise.max() < 1
    counts, _ = np.histogram(noise, 10, (0, 1))
    np.testing.assert_allclose(counts / noise.size, 0.1, atol=5 * np.sqrt(0.09 / noise.size))
    assert len(np.unique(noise[:, 0, 0, 0])) > 990
    assert abs(np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1]) < 0.01
    for other in (Seed(1), Seed(0, stream=1), Seed(0).fold_in(0), Seed(0).fold_in(1)):
        other = other.uniform((1000, 8, 8, 3)).numpy()
        assert abs(np.corrcoef(noise.ravel(), other.ravel())[0, 1]) < 0.01


def test_each_part_of_a_flow_has_another_stream():
    """Whatever the numbers of the parts within parts, and the stream before."""
    seeds = [
        Seed(0, stream=stream, folded=folded)
        for stream in range(3)
        for depth in range(4)
        for folded in itertools.product(range(5), repeat=depth)
    ]
    drawn = {seed.uniform((1, 4)).numpy().tobytes() for seed in seeds}
    assert len(drawn) == len(seeds) == 3 * (1 + 5 + 25 + 125)


def test_numbers_of_parts_may_be_tensors():
    """As the number of a step in a loop is."""
    expected = Seed(3).fold_in(2).fold_in(5).uniform((2, 4))
    for dtype in (tf.int32, tf.int64):
        found = Seed(3).fold_in(tf.constant(2, dtype)).fold_in(5).uniform((2, 4))
        np.testing.assert_array_equal(found, expected)


def test_normal_noise_is_normal():
    noise = Seed(0).normal((1000, 8, 8, 3)).numpy().ravel()
    assert noise.dtype == np.float32 and np.all(np.isfinite(noise))
    for power, moment in ((1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0)):
        deviation = np.sqrt(np.prod(np.arange(2 * power - 1, 0, -2), dtype=float) / noise.size)
        np.testing.assert_allclose(np.mean(noise.astype(np.float64) ** power), moment, atol=5 * deviation)
    assert scipy.stats.kstest(noise[:20_000], "norm").pvalue > 1e-3
    assert scipy.stats.kstest(1.1 * noise[:20_000], "norm").pvalue < 1e-3  # the control
    whole = Seed(3, first=10).normal((4, 2, 2, 1))
    np.testing.assert_array_equal(whole[2:], Seed(3, first=12).normal((2, 2, 2, 1)))


def test_the_farthest_normal_noise_is_finite(monkeypatch):
    ends = tf.constant([0.0, 1.0 - 2.0**-24])
    monkeypatch.setattr(Seed, "uniform", lambda self, shape: ends)
    np.testing.assert_allclose(Seed(0).normal((2,)), scipy.stats.norm.ppf([2.0**-25, 1.0 - 2.0**-25]), rtol=1e-6)


@pytest.mark.parametrize("draw", [Seed.uniform, Seed.normal])
@pytest.mark.parametrize("folded", [(), (0,), (3, 1)], ids=str)
def test_noise_is_the_same_when_compiled(folded, draw):
    def noise(first):
        return draw(Seed(7, first, folded=folded), (5, 4, 4, 3))

    first = tf.constant(123, tf.int64)
    for compiled in (False, True):
        np.testing.assert_array_equal(tf.function(noise, jit_compile=compiled)(first), noise(first))
