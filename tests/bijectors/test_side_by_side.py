"""Parts of a batch: whatever their number, the results are those of the whole."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from flowconv import bijectors
from flowconv.bijectors import side_by_side
from tests.checks import perturb

SHAPE = (4, 4, 8)
IMAGES = tf.constant(np.random.default_rng(1).standard_normal((5, *SHAPE)))


@pytest.fixture(params=[1, 2, 3], ids="{} parts".format)
def parts(request, monkeypatch):
    monkeypatch.setattr(side_by_side, "parts_of", lambda images: request.param)
    return request.param


def test_parts_are_of_nearly_one_size(parts):
    pieces = side_by_side.split(IMAGES)
    assert [len(piece) for piece in pieces] == {1: [5], 2: [3, 2], 3: [2, 2, 1]}[parts]
    np.testing.assert_array_equal(side_by_side.joined(pieces), IMAGES)


def results(backward):
    """Outputs, log-determinants, their gradients and the inverse, of three steps with the same weights each time."""
    keras.utils.set_random_seed(3)
    step = [bijectors.ActNorm(dtype="float64"), bijectors.ShiftConvolution(dtype="float64")]
    step = bijectors.Chain([*step, bijectors.AffineCoupling(8, dtype="float64")], dtype="float64")
    layer = bijectors.Repeated(step, 3, backward, dtype="float64")
    layer.build((None, *SHAPE))
    perturb(layer)
    sources = [IMAGES, *(variable.value for variable in layer.trainable_variables)]

    @tf.function(autograph=False)
    def compute():
        with tf.GradientTape() as tape:
            tape.watch(sources)
            y, log_det = layer.forward_and_log_det(IMAGES)
            loss = tf.reduce_sum(tf.sin(y)) - tf.reduce_mean(log_det)
        return y, log_det, *tape.gradient(loss, sources), *layer.inverse_and_log_det(y)

    return compute()


@pytest.mark.parametrize("backward", ["store", "recompute", "invert"])
def test_results_and_gradients_are_those_of_the_whole(parts, backward, monkeypatch):
    computed = results(backward)
    monkeypatch.setattr(side_by_side, "parts_of", lambda images: 1)
    for a, b in zip(computed, results(backward), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-11)


def test_initialization_sees_the_whole_batch(parts):
    layer = bijectors.AffineCoupling(8, dtype="float64")
    layer.build((None, *SHAPE))
    with bijectors.data_dependent_initialization():
        layer.forward(IMAGES)
    first = layer.network.first
    y = first.convolve(tf.split(IMAGES, 2, -1)[1], *first.prepare(first.kernel.value, tf.zeros(8, tf.float64)))[..., :8]
    np.testing.assert_allclose(-tf.math.log(tf.math.reduce_std(y, [0, 1, 2])), first.log_scale.value, atol=1e-4)


def test_operations_with_several_threads_get_whole_batches(monkeypatch):
    threading = tf.config.threading
    monkeypatch.setattr(threading, "get_inter_op_parallelism_threads", lambda: 2)
    for threads, parts in ((1, 2), (0, 1), (2, 1)):
        monkeypatch.setattr(threading, "get_intra_op_parallelism_threads", lambda threads=threads: threads)
        assert side_by_side.parts_of(8) == parts
    monkeypatch.setattr(threading, "get_intra_op_parallelism_threads", lambda: 1)
    assert side_by_side.parts_of(1) == side_by_side.parts_of(None) == 1
    with side_by_side.whole_batches():
        assert side_by_side.parts_of(8) == 1


def test_what_weights_give_is_computed_once_for_all_parts():
    calls = []

    class Layer:
        @side_by_side.shared
        def scale(self):
            calls.append(self)
            return tf.constant(1.0)

    layer, other = Layer(), Layer()
    layer.scale(), layer.scale()
    assert calls == [layer] * 2  # outside, as it was
    with side_by_side.sharing():
        assert layer.scale() is layer.scale()
        other.scale()
    assert calls == [layer] * 3 + [other]
