"""Jet: the published numbers of parameters, and its couplings in a small model."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors import NONE
from flowconv.evaluation.layer_outputs import repeated_layers
from flowconv.models import build_flow, build_model
from flowconv.models.jet import OF_CHANNELS, TOKENS
from flowconv.preflight.estimates import count_parameters
from flowconv.testing import check_log_det, check_round_trip, flattened, jacobian, perturb
from flowconv.training.step import build_step
from tests.batches import batch_of
from tests.models.test_flow import AsBijector
from tests.runs import FULL
from tests.test_configs import CONFIGS, load

IMAGENET64 = next(path for path in CONFIGS if path.stem == "jet_imagenet64")
JET = {
    "network": "transformer",
    "blocks": 1,
    "heads": 2,
    "coupling": "bounded_affine",
    "preprocessing": "symmetric",
    "width": 8,
    "precision": "float64",
}


def small(moved=0.1, image_shape=(8, 8, 3), **settings):
    flow = build_model("jet", image_shape, **{**JET, "squeeze": 2, "depth": 10} | settings)
    flow.reset_weights()
    perturb(flow, moved)
    return flow


def pixels(n=2, shape=(8, 8, 3)):
    return tf.constant(np.random.default_rng(0).uniform(0.02, 0.98, (n, *shape)))


def test_imagenet_64_has_the_published_numbers_of_parameters():
    config = load(IMAGENET64)
    assert count_parameters(config) == 207_177_216
    config.model.depth, config.model.blocks = 64, 5
    assert count_parameters(config) == 1_019_612_160
    config.model.blocks = 4
    assert count_parameters(config) != 1_019_612_160  # the control


def test_it_is_the_identity_until_it_is_trained():
    x = pixels()
    expected = tf.nn.space_to_depth(x * 256 / 127.5 - 1, 2)
    np.testing.assert_allclose(small(moved=0.0).encode(x)[0], expected, rtol=1e-12, atol=1e-15)
    assert np.max(np.abs(small().encode(x)[0] - expected)) > 1e-2


SMALL = {
    "published": {},
    "patches of 4×4": {"squeeze": 4, "depth": 32, "image_shape": (8, 16, 3)},
    "no square": {"squeeze": 1, "depth": 5, "image_shape": (4, 6, 2)},
    "additive": {"coupling": "additive", "depth": 5},
    "convolutions": {"network": "convolution", "coupling": "affine", "depth": 5},
}


@pytest.mark.parametrize("kind", SMALL if FULL else ["published", "additive"])
def test_round_trip_and_log_det(kind):
    shape = SMALL[kind].get("image_shape", (4, 4, 3))
    flow = small(**{"image_shape": shape} | SMALL[kind])
    check_round_trip(AsBijector(flow), pixels(2, shape), NONE, 1e-8)
    check_log_det(AsBijector(flow), pixels(2, shape), NONE, 1e-8)
    assert len(flow.latent_shapes) == 1


def couplings(depth):
    """A coupling after the other, and the numbers of an image that it changes: 4×4 tokens of 2."""
    (repeated,) = repeated_layers(small(image_shape=(4, 4, 2), squeeze=1, depth=depth))
    x = tf.constant(np.random.default_rng(1).standard_normal((1, 4, 4, 2)))
    for number in range(depth):
        with repeated.bind(repeated.slices(number)):
            yield repeated.step(), x, np.ravel(repeated.step().forward(x) != x)


def test_couplings_take_turns():
    """Four of channels, then one of tokens; each of which has another kind, and after the sixth the first again."""
    row, column, channel = (each.ravel() for each in np.indices((4, 4, 2)))
    halves = [changed for _, _, changed in couplings(7 * (OF_CHANNELS + 1))]
    of_tokens = halves[OF_CHANNELS :: OF_CHANNELS + 1]
    expected = [(row + column) % 2 == 1, (row + column) % 2 == 0, column % 2 == 1, column % 2 == 0, row % 2 == 1]
    np.testing.assert_array_equal(of_tokens, [*expected, row % 2 == 0, expected[0]])
    assert len(TOKENS) == 6
    of_channels = [half for number, half in enumerate(halves) if number % (OF_CHANNELS + 1) < OF_CHANNELS]
    changed = [set(channel[half]) for half in of_channels]
    assert all(len(each) == 1 for each in changed) and {0} in changed and {1} in changed  # in random orders


def test_what_changes_depends_on_all_that_stays():
    for number, (coupling, x, changed) in enumerate(couplings(OF_CHANNELS + 1)):
        if number < OF_CHANNELS - 1:
            continue
        matrix = jacobian(coupling.forward, x)
        np.testing.assert_array_equal(matrix[np.ix_(changed, changed)], np.diag(np.diag(matrix)[changed]))
        assert np.count_nonzero(matrix[np.ix_(changed, ~changed)]) == 16 * 16
        np.testing.assert_array_equal(matrix[~changed], np.eye(32)[~changed])


def test_a_network_sees_half_the_channels_of_all_tokens():
    (repeated,) = repeated_layers(small(image_shape=(8, 16, 3)))
    network = repeated.step().bijector.network
    assert network.outputs == 2 * 6 and tuple(network.positions.shape) == (4, 8, 8)
    assert tuple(repeated.stack(network.first.matrix).shape) == (10, 6, 8)


def test_all_couplings_are_one_loop():
    """Neither the graph nor the number of variables grows with the depth."""

    def size(depth):
        flow = small(depth=depth)
        graph = tf.function(flow.log_prob, autograph=False).get_concrete_function(pixels()).graph.as_graph_def()
        return len(flow.variables), len(graph.node) + sum(len(each.node_def) for each in graph.library.function)

    assert size(6) == size(31)


def test_orders_are_the_same_in_every_model_and_no_weights():
    flow, other = small(), build_model("jet", (8, 8, 3), **JET, squeeze=2, depth=10)
    other.reset_weights(5)
    orders = [variable for variable in flow.variables if variable.path.endswith("order")]
    assert len(orders) == 1 and not orders[0].trainable and orders[0].shape == (10, 192)
    found = next(variable for variable in other.variables if variable.path.endswith("order"))
    np.testing.assert_array_equal(found, orders[0])
    assert len({tuple(each) for each in np.array(orders[0])}) == 10


@pytest.mark.parametrize(
    ("backward", "compiled"),
    [("invert", False), ("recompute", True), *([("store", False), ("recompute", False)] if FULL else [])],
)
def test_gradients_of_all_three_ways_are_the_same(backward, compiled):
    def gradients(flow, x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(flow.log_prob(x))
        return tape.gradient(loss, [variable.value for variable in flow.trainable_variables])

    x = pixels()
    found = tf.function(gradients, autograph=False, jit_compile=compiled)(small(backward=backward), x)
    for each, expected in zip(found, gradients(small(backward="store"), x), strict=True):
        np.testing.assert_allclose(each, expected, rtol=1e-8, atol=1e-9)
    assert np.max(np.abs(flattened([each[None] for each in found]))) > 1e-3


@pytest.mark.parametrize("condition", [{"condition": "class", "classes": 3}, {"condition": "low_resolution"}], ids=str)
def test_a_condition_reaches_every_coupling(condition):
    flow = small(depth=5, **condition)
    images = tf.constant(np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)), tf.uint8)
    given = flow.condition_of({"image": images, "label": tf.constant([0, 1, 2])})
    x = flow.dequantize(images)
    latents = flow.encode(x, given)
    np.testing.assert_allclose(flow.decode(latents, given), x, atol=1e-9)
    other = flow.encode(x, tf.roll(given, 1, 0))
    assert np.all(np.max(np.abs(other[0] - latents[0]), axis=(1, 2, 3)) > 1e-3)


def test_inverting_it_is_refused_in_float32():
    with pytest.raises(
        ValueError, match="backward='invert': must be auto, recompute or store with coupling=bounded_aff"
    ):
        small(backward="invert", precision="float32")
    assert repeated_layers(small(precision="float32"))[0].backward == "recompute"


def test_a_step_lowers_the_bits_per_dim():
    """In float32 with networks of bfloat16, as it is trained."""
    config = load(next(path for path in CONFIGS if path.stem == "jet_photos"))
    config.model.depth, config.model.width, config.model.precision = 6, 16, "bfloat16"
    config.data.image_size, config.data.flip, config.optimizer.warmup_images = 8, False, 0
    flow = build_flow(config)
    step = build_step(config, flow)
    images = tf.constant(np.random.default_rng(0).integers(90, 110, (16, 8, 8, 3)), tf.uint8)
    flow.initialize(images)
    figures = [float(step(batch_of(images))["bits_per_dim"]) for _ in range(20)]
    assert figures[-1] < figures[0] - 0.2
