"""Gradients of one's own."""

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.ops import gradient_registry

from flowconv.bijectors import Affine, Chain, Coupling, Repeated
from flowconv.networks.glow import GlowNetwork
from flowconv.ops.custom_gradient import custom_gradient
from tests.runs import FULL


@custom_gradient
def threefold(x):
    return {"y": x * 2.0}, lambda dy: dy * 3.0


def gradient(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = threefold(x)["y"]
    return tape.gradient(y, x)


def in_a_loop(x):
    def total(x):
        return tf.while_loop(lambda n, _: n < 2, lambda n, y: (n + 1, threefold(y)["y"]), (0, x))[1]

    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.function(total, autograph=False)(x)
    return tape.gradient(y, x)


@pytest.mark.parametrize(("function", "right"), [(gradient, 3.0), (in_a_loop, 9.0)])
@pytest.mark.parametrize("traced", [False, True])
def test_counts_in_place_of_tensorflow_s(function, right, traced):
    function = tf.function(function, autograph=False) if traced else function
    for _ in range(2):
        assert float(function(tf.constant(1.0))) == right
        gc.collect()


def test_is_in_a_saved_model(tmp_path):
    module = tf.Module()
    module.f = tf.function(lambda x: threefold(x)["y"], input_signature=[tf.TensorSpec([])], autograph=False)
    tf.saved_model.save(module, tmp_path, options=tf.saved_model.SaveOptions(experimental_custom_gradients=True))
    del module.f
    gc.collect()
    loaded, x = tf.saved_model.load(tmp_path), tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = loaded.f(x)
    assert float(tape.gradient(y, x)) == 3.0


@pytest.mark.parametrize("backward", ["store", "recompute", "invert"] if FULL else ["invert"])
def test_nothing_of_a_traced_model_stays(backward):
    """Neither its graphs, nor gradients in TensorFlow's table of them."""

    def build():
        layer = Repeated(Chain([Coupling(Affine(), GlowNetwork(width=4))]), 2, backward=backward)
        layer.build((None, 4, 4, 2))

        @tf.function(autograph=False)
        def differentiate(x):
            with tf.GradientTape() as tape:
                y, log_det = layer.forward_and_log_det(x)
                loss = tf.reduce_sum(y**2) - tf.reduce_sum(log_det)
            return tape.gradient(loss, [variable.value for variable in layer.trainable_variables])

        traced = differentiate.get_concrete_function(tf.TensorSpec((2, 4, 4, 2)))
        assert len(gradient_registry.list()) > before
        assert np.isfinite(traced(tf.ones((2, 4, 4, 2)))[0]).all()
        return weakref.ref(traced.graph)

    gc.collect()
    before = len(gradient_registry.list())
    graph = build()
    gc.collect()
    assert graph() is None and len(gradient_registry.list()) == before
