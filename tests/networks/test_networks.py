"""Every network of couplings, by its file: shapes, dtypes, compilers, slices, initialization; proofs in couplings."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors import NONE, Affine, CheckerboardMask, Coupling, Inputs, Repeated, Seed
from flowconv.config.parts import NETWORKS
from flowconv.ops.batch_parallel import share_weights
from flowconv.testing import (
    check_bijector,
    check_gradients,
    check_log_det,
    check_round_trip,
    check_serialization,
    images,
    perturb,
    perturbed,
)
from tests.runs import FULL, parametrized

SHAPE = (4, 4, 3)
SMALL = {"width": 8, "blocks": 1, "heads": 2, "patch_size": 2}  # of those that have such a setting
every_network = pytest.mark.parametrize("name", NETWORKS)


def make(name, dtype="float32", **settings):
    own = NETWORKS.part(name).keywords
    small = {setting: value for setting, value in SMALL.items() if setting in own}
    return NETWORKS.make(name, small | settings, dtype=dtype)


def built(name, dtype="float32", outputs=6, shape=SHAPE, moved=True, **settings):
    network = make(name, dtype, **settings)
    network.outputs = outputs
    network.build((None, *shape))
    network.reset_weights()
    if moved:
        perturb(network)
    return network


def coupling(name, mask=None):
    return Coupling(Affine(), make(name, "float64"), mask, dtype="float64")


def gradients(function, network, x):
    sources = [x, *(variable.value for variable in network.trainable_variables)]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        y = function(x)
    return y, *tape.gradient(y, sources, tf.sin(y), unconnected_gradients="zero")


@every_network
@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed_bfloat16"])
def test_gives_so_many_parameters_in_its_policy_s_dtype(name, dtype):
    network = built(name, dtype)
    y = network.call(images(SHAPE))
    assert y.shape == (3, 4, 4, 6) and y.dtype == network.compute_dtype
    assert np.std(y) > (0.001 if name == "l2_attention" else 0.01) and np.all(np.isfinite(tf.cast(y, tf.float32)))
    full = network.call(images(SHAPE), Inputs(full_precision=True))
    assert full.dtype == network.variable_dtype
    np.testing.assert_allclose(tf.cast(y, full.dtype), full, atol=0.1 if dtype == "mixed_bfloat16" else 1e-5)


@every_network
def test_full_precision_is_that_of_the_variables(name):
    y = built(name, "mixed_bfloat16").call(images(SHAPE), Inputs(full_precision=True))
    np.testing.assert_array_equal(y, built(name, "float32").call(images(SHAPE)))


OF_RESIDUALS = ["l2_attention", "lipschitz_convolution"]  # proven with their own layer, in tests/bijectors


@pytest.mark.parametrize("name", NETWORKS if FULL else [name for name in NETWORKS if name not in OF_RESIDUALS])
def test_xla_gives_the_same(name):
    """And the same gradients."""
    network, x = built(name, "float64"), images(SHAPE, "float64")
    compiled = tf.function(gradients, autograph=False, jit_compile=True)
    for found, expected in zip(compiled(network.call, network, x), gradients(network.call, network, x), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-11)


@every_network
def test_slices_of_a_batch_give_the_same(name):
    network, x = built(name, "float64"), images(SHAPE, "float64")
    inputs = Inputs(seed=Seed(3), training=True)
    parts = share_weights(inputs.split([1, 2]))
    found = tf.concat([network.call(*each) for each in zip(tf.split(x, [1, 2]), parts, strict=True)], 0)
    np.testing.assert_allclose(found, network.call(x, inputs), atol=1e-12)


@every_network
def test_its_output_depends_on_every_weight(name):
    network = built(name, "float64")
    for variable, gradient in zip(
        network.trainable_variables, gradients(network.call, network, images(SHAPE, "float64"))[2:], strict=True
    ):
        assert np.any(gradient != 0), variable.path


@every_network
def test_initialization_is_that_of_all_workers_images(name):
    """Two workers with different halves set what one with both sets; a second initialization sets nothing."""
    x = tf.constant(np.random.default_rng(0).normal(2.0, 3.0, (32, *SHAPE)))
    alone = built(name, "float64", moved=False)
    before = [variable.numpy() for variable in alone.variables]
    y = alone.initialize(x, NONE, tf.identity)
    np.testing.assert_allclose(y, alone.call(x), atol=1e-9)
    changed = any(np.any(variable != value) for variable, value in zip(alone.variables, before, strict=True))
    assert changed == any(variable.path.endswith("initialized") for variable in alone.variables)
    workers = [built(name, "float64", moved=False) for _ in range(2)]
    meeting, told = threading.Barrier(2, timeout=60), [None, None]

    def initialize(number, half):
        def average(mine):
            told[number] = mine
            meeting.wait()
            mean = (told[0] + told[1]) / 2.0
            meeting.wait()
            return mean

        workers[number].initialize(half, NONE, average)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(initialize, range(2), tf.split(x, 2)))
    values = [variable.numpy() for variable in alone.variables]
    for worker in workers:
        for variable, expected in zip(worker.variables, values, strict=True):
            np.testing.assert_allclose(variable, expected, rtol=1e-8, atol=1e-9, err_msg=variable.path)
    alone.initialize(x * 3.0 + 1.0, NONE, tf.identity)
    for variable, expected in zip(alone.variables, values, strict=True):
        np.testing.assert_array_equal(variable, expected)


@pytest.mark.parametrize("name", parametrized({name: name for name in NETWORKS}, ["glow", "attention"]))
def test_in_a_coupling(name):
    """All proofs of a layer, XLA's both ways and the depth loop's three ways back included."""
    check_bijector(lambda: coupling(name), (4, 4, 2), tolerance=1e-9)


@pytest.mark.parametrize("name", NETWORKS if FULL else ["glow", "attention", "transformer"])
def test_in_a_coupling_of_a_checkerboard(name):
    layer, x = perturbed(coupling(name, CheckerboardMask(1)), (4, 4, 2)), images((4, 4, 2), "float64")
    check_round_trip(layer, x, NONE, 1e-10)
    check_log_det(layer, x, NONE, 1e-10)
    check_gradients(layer, x, NONE, 1e-9)
    check_serialization(layer, x, NONE, 1e-12)


@pytest.mark.parametrize("name", parametrized({name: name for name in NETWORKS}, ["glow", "attention"]))
def test_the_graph_of_a_depth_loop_does_not_grow(name):
    """Nor does, with it, what it keeps beside each step's input."""

    def nodes(depth):
        layer = Repeated(coupling(name), depth, "recompute", dtype="float64")
        layer.build((None, 4, 4, 4))

        @tf.function(autograph=False)
        def gradient(x):
            sources = [x, *(variable.value for variable in layer.trainable_variables)]
            with tf.GradientTape() as tape:
                tape.watch(x)
                y, _ = layer.forward_and_log_det(x)
            return tape.gradient(y, sources)

        graph = gradient.get_concrete_function(images((4, 4, 4), "float64")).graph.as_graph_def()
        return len(graph.node) + sum(len(function.node_def) for function in graph.library.function)

    assert nodes(2) == nodes(3)  # (deeper, some more stacks have 1,000 numbers: their zeros are no constants)
