"""Every kind of condition: what it takes, and that it reaches all networks and priors, which stay invertible."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors import Affine, Conditional, Coupling, Gaussian, Inputs, Split
from flowconv.conditions.class_ import ClassCondition
from flowconv.conditions.low_resolution import LowResolutionCondition
from flowconv.config import changed, default_config, validate
from flowconv.config.parts import CONDITIONS, NETWORKS
from flowconv.errors import UserError
from flowconv.models import build_model
from flowconv.networks.convolution import ConvolutionNetwork
from flowconv.testing import (
    check_bijector,
    check_depth_loop,
    check_gradients,
    check_log_det,
    check_round_trip,
    images,
    jacobian,
    perturb,
    perturbed,
)
from tests.runs import FULL, parametrized

SHAPE = (8, 8, 3)
SETTINGS = {"class": {"classes": 4}}  # without which a condition isn't known
SMALL = {"hidden_layers": 1, "width": 4, "blocks": 1, "heads": 2}
KINDS = [name for name in CONDITIONS if name != "none"]
every_kind = pytest.mark.parametrize("kind", KINDS)
one_kind = pytest.mark.parametrize("kind", KINDS if FULL else ["class"])


def make(kind, image_shape=SHAPE):
    return CONDITIONS.make(kind, {"classes": 4, "image_shape": image_shape})


def a_batch(n=4, shape=SHAPE, seed=0):
    generator = np.random.default_rng(seed)
    return {"image": generator.integers(0, 256, (n, *shape), np.uint8), "label": np.arange(n, dtype=np.int32) % 4}


def build(kind, model="glow", scale=0.1, image_shape=SHAPE, **options):
    settings = {
        "levels": 2,
        "depth": 4 if model == "realnvp" else 2,
        "width": 8,
        "precision": "float64",
        "prior": "learned",
        "condition": kind,
    }
    flow = build_model(model, image_shape, **settings | SETTINGS.get(kind, {}) | options)
    flow.reset_weights(0)
    perturb(flow, scale)
    return flow


# ---------------------------------------------------------------------------------------------------------- the kinds


@every_kind
def test_what_a_batch_gives_is_taken_as_it_is(kind):
    condition = make(kind)
    found = condition.of_batch(a_batch())
    taken = condition.take(found)
    assert taken.dtype == found.dtype and taken.shape[0] == 4
    np.testing.assert_array_equal(taken, found)


def test_labels_are_whole_numbers_of_classes():
    condition = ClassCondition(4)
    assert condition.classes == 4
    np.testing.assert_array_equal(condition.take([0, 3]), [0, 3])
    assert condition.take(np.array([1, 2], np.int64)).dtype == tf.int32
    expected = r"condition: expected whole numbers \[B\] from 0 to 3, got "
    for wrong, error, words in (
        ([0, 4], ValueError, "4"),
        ([-1], ValueError, "-1"),
        (3, ValueError, "int32"),
        ([[1]], ValueError, "int32"),
        ([0.0], TypeError, "float32"),
        ("cat", TypeError, "string"),
    ):
        with pytest.raises(error, match=expected + words):
            condition.take(wrong)
    with pytest.raises(ValueError, match="classes must be a whole number of at least 1, got 0"):
        ClassCondition(0)
    with pytest.raises(ValueError, match="needs a batch with labels, got image"):
        condition.of_batch({"image": None})


def test_small_images_are_means_of_blocks_in_bytes():
    condition = LowResolutionCondition(SHAPE)
    images = a_batch()["image"]
    small = condition.small(images)
    means = images.reshape(4, 2, 4, 2, 4, 3).mean((2, 4))
    assert small.dtype == tf.uint8 and np.max(np.abs(small.numpy() - means)) <= 0.5
    np.testing.assert_array_equal(condition.small(np.full((1, *SHAPE), 255, np.uint8)), 255)
    found = condition.of_batch({"image": images})
    np.testing.assert_array_equal(found, np.asarray(small) / np.float32(256) - np.float32(0.5))
    np.testing.assert_array_equal(found, condition.of_small(small))


def test_small_images_are_floats_within_a_range():
    condition = LowResolutionCondition(SHAPE)
    right = np.zeros((2, 2, 2, 3), np.float32)
    for wrong, error, words in (
        (right + 0.5, ValueError, "got some from 0.5 to 0.5"),
        (right - 0.6, ValueError, "got some from -0.6 to -0.6"),
        (right * np.nan, ValueError, "got some from nan"),
        (right[:, :1], ValueError, r"got float32 \(2, 1, 2, 3\)"),
        (right.astype(np.uint8), TypeError, "got uint8"),
    ):
        with pytest.raises(
            error, match=r"condition: expected floats .*in \[−½, ½\), got .*" + words.removeprefix("got ")
        ):
            condition.take(wrong)
    with pytest.raises(ValueError, match="divisible by 4, got 8×6"):
        LowResolutionCondition((8, 6, 3))


@pytest.mark.parametrize("size", [16, 8, 4, 2, 1])
def test_an_image_is_brought_to_the_features_size(size):
    """Each of its pixels has an influence, there where it lies."""
    condition = LowResolutionCondition((16, 16, 2))
    layer = condition.embedding(5, dtype="float64")
    layer.build((None, size, size, 5))
    image = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 4, 4, 2))
    np.testing.assert_array_equal(layer.call(image), 0.0)
    perturb(layer)
    y = layer.call(tf.constant(image)).numpy()
    assert y.shape == (2, size, size, 5)
    for row in range(4):
        other = image.copy()
        other[:, row, 3, 1] += 0.1
        moved = np.abs(layer.call(tf.constant(other)).numpy() - y).max((0, 2, 3)) > 0
        first, last = row * size // 4, ((row + 1) * size - 1) // 4  # rows of the features in which it lies
        np.testing.assert_array_equal(np.flatnonzero(moved), np.arange(max(0, first - 1), min(size, last + 2)))


@pytest.mark.parametrize("size", [(8, 4), (8, 2), (4, 2), (2, 1), (8, 1)])
def test_a_small_image_is_seen_in_half_an_image(size):
    """Whose width is brought to that of the features by another factor than its height; each pixel has an influence."""
    layer = LowResolutionCondition((16, 16, 2)).embedding(5, dtype="float64")
    layer.build((None, *size, 5))
    perturb(layer)
    image = tf.constant(np.random.default_rng(0).uniform(-0.5, 0.5, (1, 4, 4, 2)))
    assert layer.call(image).shape == (1, *size, 5)
    assert np.all(np.any(jacobian(layer.call, image) != 0, axis=0))


def test_sizes_that_do_not_fit_are_refused():
    layer = LowResolutionCondition((12, 12, 3)).embedding(4)
    with pytest.raises(ValueError, match="images 3×3 can't be brought to 2×2 by whole factors"):
        layer.build((None, 2, 2, 4))


@pytest.mark.parametrize(
    ("fields", "setting", "first"),
    [
        ({"name": "tarflow", "network": "causal_transformer"}, "patch_size", 1),
        ({"name": "flowpp", "network": "transformer", "layers": "2 stripes"}, "patch_size", 1),
        ({"name": "flowpp", "network": "transformer", "layers": "squeeze, 2 channels"}, "patch_size", 2),
        ({"name": "glow", "network": "transformer", "levels": 1}, "patch_size", 2),
        ({"name": "jet"}, "squeeze", 1),
        ({"name": "jet", "squeeze": 2, "network": "transformer"}, "patch_size", 2),
    ],
)
def test_a_config_refuses_exactly_the_tokens_that_do_not_fit(fields, setting, first):
    """Of images 24×24, whose first coupling sees blocks of so many pixels as channels."""
    condition, fitting = LowResolutionCondition((24, 24, 3)), {}
    fields = {f"model.{name}": value for name, value in fields.items()} | {"data.image_size": 24}
    for value in (1, 2, 3, 4, 6, 12):
        config = changed(default_config(), fields | {f"model.{setting}": value})
        try:
            validate(config)
        except UserError:
            continue  # for another reason, as an odd number of channels
        config.model.condition = "low_resolution"
        side = 24 // first // value
        try:
            condition.embedding(4).build((None, side, side, 4))
            fitting[value] = True
            validate(config)
        except ValueError:
            fitting[value] = False
            with pytest.raises(UserError, match=rf"^--config.model.{setting}={value}: must divide \d or be divisible"):
                validate(config)
    assert set(fitting.values()) == {True, False}


# ------------------------------------------------------------------------------------------------------------- layers


def layers_of(kind):
    """Of each network a coupling, and the priors; built for half of the size of images."""
    condition = make(kind)

    def of_network(name):
        network = NETWORKS.make(name, SMALL, condition=condition, dtype="float64")
        return Coupling(Affine(), network, dtype="float64")

    def split():
        return Split(Gaussian(), ConvolutionNetwork(condition=condition, dtype="float64"), dtype="float64")

    def prior():
        return Conditional(Gaussian(), condition, dtype="float64")

    return {"split": split, "prior": prior} | {name: functools.partial(of_network, name) for name in NETWORKS}


# A network's own matter is where it adds an embedding, not of what.
LAYERS = [(kind, name) for kind in KINDS for name in layers_of(kind) if kind == "class" or name in ("glow", "prior")]
every_layer = pytest.mark.parametrize(("kind", "name"), LAYERS)


def condition_of(kind, n=3):
    found = make(kind).of_batch(a_batch(n))
    return tf.cast(found, tf.float64) if found.dtype.is_floating else found


# With other networks their coupling does nothing else; and compiled they are themselves, in tests/networks.
PROVEN = {f"{kind}-{name}": (kind, name) for kind, name in LAYERS}
FEW = ["class-glow", "class-split", "class-prior", "low_resolution-glow", "low_resolution-prior"]


@pytest.mark.parametrize("layer", parametrized(PROVEN, FEW))
def test_layers_are_proven_with_a_condition(layer):
    """Round trip, log-determinant, gradients, XLA, and the depth loop in three backward modes."""
    kind, name = layer
    check_bijector(layers_of(kind)[name], (4, 4, 4), condition_of(kind), tolerance=1e-9)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_condition_and_its_gradient_go_through_every_network(network):
    """Both ways, and through the depth loop in three backward modes."""
    make, x, inputs = layers_of("class")[network], images((4, 4, 4), "float64"), Inputs(condition_of("class"))
    layer = perturbed(make(), (4, 4, 4))
    check_round_trip(layer, x, inputs, 1e-9)
    check_gradients(layer, x, inputs, 1e-9)
    check_depth_loop(make, x, inputs, 1e-9)


@every_layer
def test_without_a_condition_a_layer_says_so(kind, name):
    layer = layers_of(kind)[name]()
    layer.build((None, 4, 4, 4))
    with pytest.raises(ValueError, match="expected a condition in its inputs, got none"):
        layer.forward(tf.zeros((2, 4, 4, 4), tf.float64))


@every_kind
@pytest.mark.parametrize("network", NETWORKS)
def test_a_condition_changes_every_parameter(kind, network):
    """Of a perturbed network; not of a new one, whatever its condition."""
    x = tf.constant(np.random.default_rng(0).standard_normal((2, 4, 4, 3)))
    first = tf.repeat(condition_of(kind)[:1], 2, 0)
    other = tf.repeat(condition_of(kind)[1:2], 2, 0)
    new = NETWORKS.make(network, SMALL, condition=make(kind), dtype="float64")
    new.outputs = 4
    new.build((None, 4, 4, 3))
    new.reset_weights(0)
    np.testing.assert_array_equal(new.call(x, Inputs(first)), new.call(x, Inputs(other)))
    perturb(new, 0.3)
    change = np.abs(new.call(x, Inputs(first)) - new.call(x, Inputs(other)))
    assert np.all(change.max((1, 2)) > 1e-7)  # with a few channels, a pixel may have none that is positive


# --------------------------------------------------------------------------------------------------------------- flows

every_family = pytest.mark.parametrize("model", ["glow", "realnvp", "nice"])


@every_kind
@every_family
def test_a_new_conditional_flow_is_the_unconditional_one(kind, model):
    batch = a_batch()
    flow, unconditional = build(kind, model, scale=0.0), build("none", model, scale=0.0)
    found = flow.bits_per_dim(batch["image"], condition=flow.condition_of(batch))
    np.testing.assert_allclose(found, unconditional.bits_per_dim(batch["image"]), rtol=1e-12)
    assert flow.parameters > unconditional.parameters


@every_kind
@every_family
def test_an_image_comes_back_under_its_condition_alone(kind, model):
    flow, batch = build(kind, model), a_batch()
    x, condition = flow.dequantize(batch["image"]), flow.condition_of(batch)
    latents = flow.encode(x, condition)
    np.testing.assert_allclose(flow.decode(latents, condition), x, atol=1e-9)
    wrong = flow.decode(latents, tf.roll(condition, 1, 0))
    assert np.all(np.max(np.abs(wrong - x), axis=(1, 2, 3)) > 1e-3)


class UnderACondition:
    """A conditional flow in the words of `flowconv.testing`."""

    def __init__(self, flow):
        self.flow = flow

    def forward(self, x, inputs):
        return self.flow.encode_and_log_det(x, inputs)[0]

    def forward_and_log_det(self, x, inputs):
        return self.flow.encode_and_log_det(x, inputs)

    def forward_log_det_jacobian(self, x, inputs):
        return self.flow.encode_and_log_det(x, inputs)[1]

    def inverse_and_log_det(self, y, inputs):
        return self.flow.decode_and_log_det(y, inputs)


@one_kind
def test_the_log_determinant_is_that_of_the_jacobian(kind):
    flow, batch = build(kind, image_shape=(4, 4, 3), depth=1), a_batch(1, (4, 4, 3))
    x, inputs = flow.dequantize_midpoint(batch["image"]), Inputs(flow.condition_of(batch))
    check_round_trip(UnderACondition(flow), x, inputs, 1e-9)
    check_log_det(UnderACondition(flow), x, inputs, 1e-9)


@one_kind
def test_the_gradient_is_a_difference(kind):
    """Along a random direction of all weights, those of embeddings included."""
    flow, batch = build(kind, image_shape=(4, 4, 3), depth=2), a_batch(4, (4, 4, 3))
    condition = flow.condition_of(batch)
    generator = np.random.default_rng(0)
    variables = [variable.value for variable in flow.trainable_variables]
    direction = [tf.constant(generator.standard_normal(variable.shape)) for variable in variables]

    @tf.function(autograph=False)
    def loss():
        return tf.reduce_mean(flow.bits_per_dim(batch["image"], condition=condition))

    @tf.function(autograph=False)
    def slope():
        with tf.GradientTape() as tape:
            value = loss()
        gradients = [tf.convert_to_tensor(each) for each in tape.gradient(value, variables)]
        embeddings = [g for g, v in zip(gradients, flow.trainable_variables, strict=True) if "embedding" in v.path]
        along = tf.add_n([tf.reduce_sum(a * b) for a, b in zip(gradients, direction, strict=True)])
        return along, tf.stack([tf.reduce_max(tf.abs(each)) for each in embeddings])

    found, of_embeddings = slope()
    assert np.all(of_embeddings > 0)
    values = []
    for step in (1e-5, -1e-5):
        for variable, each in zip(variables, direction, strict=True):
            variable.assign_add(step * each)
        values.append(loss())
        for variable, each in zip(variables, direction, strict=True):
            variable.assign_sub(step * each)
    np.testing.assert_allclose(found, (values[0] - values[1]) / 2e-5, rtol=1e-5)


@every_kind
def test_an_image_does_not_depend_on_others(kind):
    flow, batch = build(kind), a_batch()
    condition = flow.condition_of(batch)
    whole = flow.bits_per_dim(batch["image"], 3, 7, condition=condition)
    for number in range(4):
        one = slice(number, number + 1)
        found = flow.bits_per_dim(batch["image"][one], 3, 7 + number, condition=condition[one])
        np.testing.assert_allclose(found, whole[one], rtol=1e-9)


@every_kind
def test_one_condition_of_a_distribution(kind):
    flow, batch = build(kind), a_batch()
    condition = flow.condition_of(batch)
    distribution = flow.as_distribution(condition[1])
    x = distribution.sample((2, 1), seed=1)
    expected = flow.log_prob(x[:, 0], tf.repeat(condition[1:2], 2, 0))
    np.testing.assert_allclose(tf.squeeze(distribution.log_prob(x)), expected, rtol=1e-9)


@every_kind
def test_a_saved_flow_has_its_condition(kind, tmp_path):
    flow, batch = build(kind), a_batch()
    condition = flow.condition_of(batch)
    flow.save(tmp_path / "flow.keras")
    other = keras.models.load_model(tmp_path / "flow.keras")
    assert type(other.condition) is type(flow.condition)
    expected = flow.bits_per_dim(batch["image"], condition=condition)
    np.testing.assert_array_equal(other.bits_per_dim(batch["image"], condition=other.condition_of(batch)), expected)


def test_the_wrong_condition_is_refused():
    conditional, unconditional, images = build("class"), build("none"), a_batch()["image"]
    x = conditional.dequantize_midpoint(images)
    for call in (
        lambda flow, **given: flow.log_prob(x, **given),
        lambda flow, **given: flow.encode(x, **given),
        lambda flow, **given: flow.bits_per_dim(images, **given),
        lambda flow, **given: flow.sample(4, **given),
        lambda flow, **given: flow.initialize(images, **given),
        lambda flow, **given: flow.as_distribution(**given).log_prob(x),
    ):
        with pytest.raises(ValueError, match="glow: is conditional, and got no condition"):
            call(conditional)
        with pytest.raises(ValueError, match="condition: expected none, since the flow is unconditional"):
            call(unconditional, condition=np.zeros(4, np.int32))
    with pytest.raises(ValueError, match="condition: expected that of 4 images, got 3"):
        conditional.sample(4, condition=[0, 1, 2])
    assert unconditional.condition_of(a_batch()) is None


def test_the_structure_names_the_condition():
    assert "ClassCondition(classes=4, label_dropout=0.0)" in str(build("class"))
    assert "Condition" not in str(build("none"))
