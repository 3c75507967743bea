"""Slices of a batch: whatever their number, the results are those of the whole."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from flowconv import bijectors
from flowconv.bijectors import NONE, Inputs, Seed
from flowconv.ops import batch_parallel, scan
from flowconv.testing import perturbed
from tests.layers import Conditioned, Noisy, a_condition, affine_coupling
from tests.runs import parametrized

SHAPE = (4, 4, 8)
IMAGES = tf.constant(np.random.default_rng(1).standard_normal((5, *SHAPE)))


MODES = ("store", "recompute", "invert")


def in_slices(monkeypatch, count):
    for module in (batch_parallel, scan):
        monkeypatch.setattr(module, "num_slices", lambda images: count)


@pytest.fixture(params=[2, 3], ids="{} slices".format)
def slices(request, monkeypatch):
    in_slices(monkeypatch, request.param)
    return request.param


@pytest.mark.parametrize(("count", "sizes"), [(1, [5]), (2, [3, 2]), (3, [2, 2, 1]), (5, [1] * 5)])
def test_slices_are_of_nearly_one_size(count, sizes):
    assert batch_parallel.slice_sizes(5, count) == sizes
    pieces = batch_parallel.split_batch(IMAGES, sizes)
    assert [len(piece) for piece in pieces] == sizes
    np.testing.assert_array_equal(batch_parallel.concat_batch(pieces), IMAGES)


def test_a_batch_of_unknown_size_is_one_slice():
    assert batch_parallel.slice_sizes(None, 1) == [None]


def test_a_map_of_slices_sees_each_once(slices):
    seen = []
    y = batch_parallel.map_slices(lambda part: seen.append(len(part)) or 2.0 * part, IMAGES)
    assert len(seen) == slices and sum(seen) == 5
    np.testing.assert_array_equal(y, 2.0 * IMAGES)


def test_slices_of_one_shape_are_traced_once():
    traced = []

    def doubled(part, more):
        traced.append(part.shape[0])
        return 2.0 * part + more["number"]

    def computed():
        arguments = [(part, {"number": tf.constant(1.0, part.dtype)}) for part in tf.split(IMAGES, [2, 2, 1])]
        return tf.concat(batch_parallel.map_traced_once(doubled, arguments), 0)

    np.testing.assert_array_equal(tf.function(computed, autograph=False)(), 2.0 * IMAGES + 1.0)
    assert traced == [2, 1]
    np.testing.assert_array_equal(computed(), 2.0 * IMAGES + 1.0)
    assert traced == [2, 1, 2, 2, 1]  # eagerly there is nothing to trace


def results(backward):
    """Outputs, log-determinants, their gradients and the inverse, of three steps that use all of their inputs."""
    parts = [bijectors.ActNorm, bijectors.ShiftConvolution, Conditioned, Noisy]
    parts = [*(part(dtype="float64") for part in parts), affine_coupling(8, dtype="float64")]
    layer = bijectors.Repeated(bijectors.Chain(parts, dtype="float64"), 3, backward, dtype="float64")
    perturbed(layer, SHAPE)
    inputs = Inputs(a_condition(5, SHAPE), Seed(4, first=3))
    sources = [IMAGES, *inputs.differentiable(), *(variable.value for variable in layer.trainable_variables)]

    @tf.function(autograph=False)
    def compute():
        with tf.GradientTape() as tape:
            tape.watch(sources)
            y, log_det = layer.forward_and_log_det(IMAGES, inputs)
            loss = tf.reduce_sum(tf.sin(y)) - tf.reduce_mean(log_det)
        return y, log_det, *tape.gradient(loss, sources), *layer.inverse_and_log_det(y, inputs)

    return compute()


@functools.cache
def of_the_whole(backward):
    """The results without slices."""
    with pytest.MonkeyPatch.context() as patch:
        in_slices(patch, 1)
        return results(backward)


SLICED = {f"{count} slices-{mode}": (count, mode) for count in (3, 2) for mode in MODES}
SOME = ["3 slices-store", "2 slices-invert"]


@pytest.mark.parametrize("sliced", parametrized(SLICED, SOME))
def test_results_and_gradients_are_those_of_the_whole(sliced, monkeypatch):
    count, backward = sliced
    in_slices(monkeypatch, count)
    for a, b in zip(results(backward), of_the_whole(backward), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-11)


def test_initialization_sees_the_whole_batch(slices):
    layer = bijectors.Repeated(affine_coupling(8, dtype="float64"), 1, dtype="float64")
    layer.build((None, *SHAPE))
    layer.reset_weights()
    layer.initialize(IMAGES, NONE)
    with layer.bind(layer.slices(0)):
        y = layer.step().network.first.call(tf.split(IMAGES, 2, -1)[1])
    np.testing.assert_allclose(tf.reduce_mean(y, [0, 1, 2]), np.zeros(8), atol=1e-9)
    np.testing.assert_allclose(tf.math.reduce_std(y, [0, 1, 2]), np.ones(8), atol=1e-4)


def test_operations_with_several_threads_get_whole_batches(monkeypatch):
    threading = tf.config.threading
    monkeypatch.setattr(threading, "get_inter_op_parallelism_threads", lambda: 2)
    for threads, slices in ((1, 2), (0, 1), (2, 1)):
        monkeypatch.setattr(threading, "get_intra_op_parallelism_threads", lambda threads=threads: threads)
        assert batch_parallel.num_slices(8) == slices
    monkeypatch.setattr(threading, "get_intra_op_parallelism_threads", lambda: 1)
    assert batch_parallel.num_slices(1) == batch_parallel.num_slices(None) == 1
    assert batch_parallel.num_slices(8) == 2
    counts = []
    tf.function(lambda: counts.append(batch_parallel.num_slices(8)), jit_compile=True, autograph=False)()
    assert counts == [1]  # XLA has threads of its own


def test_what_weights_give_is_computed_once_for_all_slices():
    calls = []

    class Layer:
        def scale(self, size):
            calls.append((self, size))
            return tf.constant(1.0)

    layer, other = Layer(), Layer()
    NONE.once(layer.scale, 3), NONE.once(layer.scale, 3)
    assert calls == [(layer, 3)] * 2  # of a whole batch, as it was
    first, second = batch_parallel.share_weights([NONE, Inputs(training=True)])
    assert first.once(layer.scale, 3) is second.once(layer.scale, 3)
    first.once(other.scale, 3)
    second.once(layer.scale, 4)
    assert calls[2:] == [(layer, 3), (other, 3), (layer, 4)]
    assert second.training and batch_parallel.share_weights([NONE]) == [NONE]
    again, _ = batch_parallel.share_weights([NONE, NONE])  # another step has weights of its own
    again.once(layer.scale, 3)
    assert len(calls) == 6
