"""The flow as a density."""

import copy
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from flowconv import models
from flowconv.bijectors import (
    CONVOLUTIONS,
    NONE,
    Centre,
    Chain,
    Diagonal,
    Inputs,
    Logit,
    MultiScale,
    Repeated,
    Seed,
    Split,
    Squeeze,
    Symmetric,
)
from flowconv.bijectors.matrices import MATRICES
from flowconv.conditions.class_ import ClassCondition
from flowconv.config.parts import MODELS
from flowconv.models import Flow, StandardNormal, build_model, glow
from flowconv.surjections.uniform import UniformDequantization
from flowconv.testing import check_log_det, check_round_trip, flattened, perturb
from tests.layers import Noisy, OfLabels
from tests.runs import FULL, parametrized

SHAPE = (8, 8, 3)
VARIANTS = {
    **{name: {"convolution": name} for name in CONVOLUTIONS},
    **{name: {"parameterization": name} for name in MATRICES if name != "plu"},
    "realnvp": {"model": "realnvp", "depth": 4},
    "realnvp_additive": {"model": "realnvp", "depth": 4, "coupling": "additive"},
    "nice": {"model": "nice"},
    "per_position": {"shift": "position"},
    "additive": {"coupling": "additive"},
    "learned_prior": {"prior": "learned"},
    "centre": {"preprocessing": "centre"},
    "symmetric": {"preprocessing": "symmetric"},
}
# A layer's own proofs are elsewhere.
most_in_full = pytest.mark.parametrize("options", parametrized(VARIANTS, ["shift", "realnvp", "learned_prior"]))


def build(precision="float64", scale=0.05, model="glow", shape=SHAPE, **options):
    flow = build_model(model, shape, **{"levels": 2, "depth": 2, "width": 8, "precision": precision} | options)
    flow.reset_weights(0)
    perturb(flow, scale)
    return flow


def pixels(n=4, shape=SHAPE):
    return tf.constant(np.random.default_rng(0).integers(0, 256, (n, *shape)), tf.uint8)


class AsBijector:
    """A flow in the words of `flowconv.testing`."""

    def __init__(self, flow):
        self.forward_and_log_det = flow.encode_and_log_det
        self.inverse_and_log_det = flow.decode_and_log_det
        self.forward = lambda x, inputs: flow.encode_and_log_det(x, inputs)[0]
        self.forward_log_det_jacobian = lambda x, inputs: flow.encode_and_log_det(x, inputs)[1]


@pytest.mark.parametrize("options", parametrized(VARIANTS, set(VARIANTS) - set(CONVOLUTIONS) | {"shift", "emerging"}))
def test_round_trip(options):
    flow = build(**options)
    check_round_trip(AsBijector(flow), flow.dequantize_midpoint(pixels()), NONE, 1e-10)


@most_in_full
def test_round_trip_in_float32(options):
    flow = build("float32", **options)
    check_round_trip(AsBijector(flow), flow.dequantize_midpoint(pixels()), NONE, 1e-5)


@most_in_full
def test_log_det_is_that_of_the_jacobian(options):
    shape = (4, 4, 3)
    flow = build(shape=shape, **options)
    check_log_det(AsBijector(flow), flow.dequantize_midpoint(pixels(1, shape)), NONE, 1e-9)


def test_no_latent_is_dropped():
    flow = build()
    latents = flow.encode(flow.dequantize_midpoint(pixels()))
    assert [tuple(z.shape[1:]) for z in latents] == flow.latent_shapes == [(4, 4, 6), (2, 2, 24)]
    assert flattened(latents).shape[1] == flow.dimensions == 192


@pytest.mark.parametrize("variant", ["shift", "learned_prior", *(["emerging", "realnvp", "nice"] if FULL else [])])
def test_agrees_with_tensorflow_probability(variant):
    flow = build(**VARIANTS[variant])
    x = flow.dequantize(pixels(), seed=1)
    distribution = flow.as_distribution()
    assert isinstance(distribution, tfd.Distribution)
    assert distribution.event_shape == SHAPE
    np.testing.assert_allclose(distribution.log_prob(x), flow.log_prob(x), rtol=1e-10)
    samples, log_prob = distribution.experimental_sample_and_log_prob(5, seed=3)
    assert samples.shape == (5, *SHAPE)
    np.testing.assert_allclose(log_prob, flow.log_prob(samples), rtol=1e-7)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"levels": 3}, [["level_3"], ["level_2"], ["level_1"]]),
        ({"prior": "learned"}, [["level_2"], ["level_1", "split_1"]]),
        ({"model": "realnvp", "depth": 4}, [["level_2"], ["level_1"], ["level_1"]]),  # two loops in one level
        ({"model": "nice"}, [["level_1"], ["level_1"]]),
        ({"dequantization": "variational"}, [["level_2"], ["level_1"], ["dequantization"]]),
    ],
    ids=["glow", "learned_prior", "realnvp", "nice", "variational"],
)
def test_variables_are_in_the_groups_of_their_loops(options, expected):
    """The last loop's first, with those of the layers that follow it, and each variable once."""
    flow = build(**options)
    groups = flow.variable_groups()
    parts = {part.name: part for _, part in flow.bijector.layers[1].children()} | {
        "dequantization": flow.dequantization
    }
    part_of = {id(variable): name for name, part in parts.items() for variable in part.trainable_variables}
    assert [list(dict.fromkeys(part_of[id(variable)] for variable in group)) for group in groups] == expected
    given = [id(variable) for group in groups for variable in group]
    assert sorted(given) == sorted(id(variable) for variable in flow.trainable_variables)


def test_a_variable_of_several_loops_is_in_the_last_group_of_these():
    """Where its gradient is whole; a flow without loops has one group."""

    class Shared(Diagonal):
        def build(self, input_shape):
            if not self.built:
                super().build(input_shape)

    def groups(*layers):
        flow = Flow(UniformDequantization(), Chain([Centre(), *layers]), StandardNormal(), SHAPE)
        return [{variable.path for variable in group} for group in flow.variable_groups()]

    def paths(*layers):
        return {variable.path for layer in layers for variable in layer.trainable_variables}

    shared, own = Shared(name="shared"), Diagonal(name="own")
    loop, other = (Repeated(Diagonal(), 2, name=name) for name in ("loop", "other"))
    assert groups(loop, shared, other, shared, own) == [paths(other, own), paths(loop, shared)]
    assert groups(single := Diagonal(name="single")) == [paths(single)]


def test_samples_are_decoded_latents():
    flow = build()
    latents = flow.sample_latents(6, temperature=0.7, seed=5)
    samples = flow.sample(6, temperature=0.7, seed=5)
    np.testing.assert_array_equal(samples, flow.decode(latents))
    np.testing.assert_array_equal(samples, flow.sample(6, temperature=0.7, seed=5))
    assert np.max(np.abs(samples - flow.sample(6, temperature=0.7, seed=6))) > 1e-3
    many = flattened(flow.sample_latents(200, temperature=0.7, seed=5)).numpy()
    np.testing.assert_allclose(many.std(), 0.7, rtol=0.02)
    np.testing.assert_array_equal(flow.sample(2, temperature=0.0), flow.decode([z * 0 for z in flow.sample_latents(2)]))


def test_log_prob_is_that_of_the_change_of_variables():
    flow = build()
    x = flow.dequantize_midpoint(pixels())
    latents, log_det = flow.encode_and_log_det(x)
    normal = tfd.Normal(tf.zeros([], tf.float64), 1.0)
    expected = tf.reduce_sum(normal.log_prob(flattened(latents)), axis=1) + log_det
    np.testing.assert_allclose(flow.log_prob(x), expected, rtol=1e-12)


@pytest.mark.parametrize("preprocessing", ["logit", "centre"])
def test_density_integrates_to_1(preprocessing):
    """By importance sampling in the four dimensions of a 2×2 grey image."""
    flow = glow(
        (2, 2, 1), levels=1, depth=3, width=8, precision="float64", preprocessing=preprocessing, coupling="affine"
    )
    flow.reset_weights(0)
    perturb(flow, 0.1)
    generator = np.random.default_rng(0)
    n = 200_000
    if preprocessing == "logit":  # all mass lies where p = 0.05 + 0.9 x is in (0, 1)
        low, high = -0.05 / 0.9, 0.95 / 0.9
        x = generator.uniform(low, high, (n, 2, 2, 1))
        log_q = np.full(n, -4 * math.log(high - low))
    else:
        centre = flow.sample(4000, seed=1).numpy()
        mean, deviation = centre.mean(0), 1.5 * centre.std(0)
        z = generator.standard_normal((n, 2, 2, 1))
        x = mean + deviation * z
        log_q = -0.5 * (z**2).sum((1, 2, 3)) - np.log(deviation).sum() - 2 * math.log(2 * math.pi)
    weights = np.exp(flow.log_prob(tf.constant(x)).numpy() - log_q)
    error = weights.std() / math.sqrt(n)
    assert error < 0.02
    np.testing.assert_allclose(weights.mean(), 1.0, atol=5 * error)


def identity_flow(preprocessing, n_bits=8):
    dequantization = UniformDequantization(n_bits, dtype="float64")
    return Flow(dequantization, preprocessing(dtype="float64"), StandardNormal(), SHAPE, dtype="float64")


@pytest.mark.parametrize("n_bits", [1, 3, 5, 8])
def test_bits_per_dim_of_uniform_noise_under_an_identity_flow(n_bits):
    """x ~ U[0, 1) under z = x − ½ ~ N(0, I): −log₂ p is known in closed form, E z² = 1/12."""
    flow = identity_flow(Centre, n_bits)
    images = pixels(4000)
    expected = n_bits + (0.5 * math.log(2 * math.pi) + 0.5 / 12) / math.log(2)
    deviation = math.sqrt(1 / 720) / math.log(2) / math.sqrt(4000 * flow.dimensions)  # of ½·mean z²
    found = tf.reduce_mean(flow.bits_per_dim(images, seed=2))
    np.testing.assert_allclose(found, expected, atol=6 * deviation)


@pytest.mark.parametrize("n_bits", [3, 8])
def test_bits_per_dim_does_not_depend_on_the_scale_of_pixels(n_bits):
    """Under z = x·256/127.5 − 1 ~ N(0, I), log p is log N(z) + log(256/127.5), as Jet's loss has it at 8 bits."""
    flow, images = identity_flow(Symmetric, n_bits), pixels()
    x = flow.dequantize(images, seed=2).numpy()
    z = x * 256 / 127.5 - 1
    log_density = -0.5 * z**2 - 0.5 * math.log(2 * math.pi)
    expected = (math.log(127.5) - log_density) / math.log(2) + n_bits - 8
    np.testing.assert_allclose(flow.bits_per_dim(images, seed=2), expected.mean(axis=(1, 2, 3)), rtol=1e-12)


def test_bits_per_dim_accounts_for_the_logit():
    """Under z = logit(0.05 + 0.9 x) ~ N(0, I), E −log₂ p is a one-dimensional integral."""
    flow = identity_flow(Logit)
    x = (np.arange(200_000) + 0.5) / 200_000
    p = 0.05 + 0.9 * x
    z = np.log(p / (1 - p))
    log_density = -0.5 * z**2 - 0.5 * math.log(2 * math.pi) + np.log(0.9 / (p * (1 - p)))
    expected = 8 - log_density.mean() / math.log(2)
    deviation = log_density.std() / math.log(2) / math.sqrt(4000 * flow.dimensions)
    found = tf.reduce_mean(flow.bits_per_dim(pixels(4000), seed=2))
    np.testing.assert_allclose(found, expected, atol=6 * deviation)


def test_bits_per_dim_does_not_depend_on_the_batch():
    flow = build("float32")
    images = pixels(7)
    whole = flow.bits_per_dim(images, seed=3, first=10)
    parts = [flow.bits_per_dim(images[:3], seed=3, first=10), flow.bits_per_dim(images[3:], seed=3, first=13)]
    np.testing.assert_allclose(tf.concat(parts, 0), whole, rtol=1e-6)
    assert np.max(np.abs(flow.bits_per_dim(images, seed=4, first=10) - whole)) > 1e-4


def test_reconstructs_every_pixel():
    flow = build("float32")
    images = pixels()
    np.testing.assert_array_equal(flow.to_images(flow.decode(flow.encode(flow.dequantize_midpoint(images)))), images)


@most_in_full
def test_weights_survive_saving(options, tmp_path):
    flow, other = build("float32", **options), build("float32", scale=0.2, **options)
    images = pixels()
    assert np.max(np.abs(other.bits_per_dim(images, 0) - flow.bits_per_dim(images, 0))) > 1e-3
    flow.save_weights(tmp_path / "flow.weights.h5")
    other.load_weights(tmp_path / "flow.weights.h5")
    np.testing.assert_array_equal(other.bits_per_dim(images, 0), flow.bits_per_dim(images, 0))


@most_in_full
def test_a_saved_flow_is_loaded_and_copied(options, tmp_path):
    flow = build("float32", **options)
    x = flow.dequantize_midpoint(pixels())
    flow.save(tmp_path / "flow.keras")
    for other in (keras.models.load_model(tmp_path / "flow.keras"), copy.deepcopy(flow)):
        assert type(other) is Flow and other is not flow
        np.testing.assert_array_equal(other.log_prob(x), flow.log_prob(x))
    new = Flow.from_config(flow.get_config())
    assert [v.path for v in new.variables] == [v.path for v in flow.variables]


@pytest.mark.parametrize("backward", ["store", "recompute", "invert"] if FULL else ["invert"])
def test_tensorflow_and_keras_save_a_flow_that_was_never_called(backward, tmp_path):
    flow = build("float32", depth=2, backward=backward)
    before = tf.train.Checkpoint(flow=flow).write(tmp_path / "checkpoint")
    flow.export(tmp_path / "exported", verbose=False)
    x = flow.dequantize(pixels())
    exported = tf.saved_model.load(tmp_path / "exported")
    np.testing.assert_allclose(exported.serve(x), flow.log_prob(x), rtol=1e-5)
    expected = [variable.numpy() for variable in flow.variables]
    perturb(flow, 0.1)
    tf.train.Checkpoint(flow=flow).read(before).assert_existing_objects_matched()
    for variable, value in zip(flow.variables, expected, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value, variable.path)
    assert {layer.backward for layer in flow._flatten_layers() if hasattr(layer, "backward")} == {backward}


def test_layers_of_one_name_are_all_in_a_checkpoint(tmp_path):
    flow = Flow(UniformDequantization(), Chain([Diagonal(name="one"), Diagonal(name="one")]), StandardNormal(), SHAPE)
    perturb(flow)
    expected = [variable.numpy() for variable in flow.variables]
    path = tf.train.Checkpoint(flow=flow).write(tmp_path / "checkpoint")
    perturb(flow, seed=1)
    tf.train.Checkpoint(flow=flow).read(path)
    for variable, value in zip(flow.variables, expected, strict=True):
        np.testing.assert_array_equal(variable, value)


def of_seed(seed):
    flow = glow(SHAPE, levels=2, depth=2, width=8)
    flow.reset_weights(seed)
    return flow


def same_weights(flow, other):
    return [np.array_equal(a.numpy(), b.numpy()) for a, b in zip(flow.variables, other.variables, strict=True)]


def test_the_same_seed_gives_the_same_weights():
    assert all(same_weights(of_seed(1), of_seed(1)))
    assert not all(same_weights(of_seed(1), of_seed(2)))


def test_construction_draws_nothing():
    """The same weights each time, which the state of no generator enters: networks are zero, matrices the identity."""
    tf.random.set_seed(0)
    flow, other = glow(SHAPE, levels=2, depth=2, width=8), glow(SHAPE, levels=2, depth=2, width=8)
    assert all(same_weights(flow, other))
    for variable in flow.trainable_variables:
        assert not np.any(variable.numpy()), variable.path


def test_weights_may_be_drawn_while_the_flow_is_initialized():
    """Whatever their memory held before; as if they had been there."""
    images = pixels()
    flow, later = of_seed(1), glow(SHAPE, levels=2, depth=2, width=8)
    drawn = {id(variable) for variable in later.reset_weights(1)}
    assert all(same_weights(flow, later))
    kernels = [variable for variable in later.variables if id(variable) in drawn and "network" in variable.path]
    assert {variable.path.split(".")[-2] for variable in kernels} == {"first", "hidden"}
    for variable in kernels:
        variable.assign(np.full(variable.shape, np.nan))
    flow.initialize(images, seed=2)
    later.initialize(images, seed=2, reset_seed=1)
    assert all(same_weights(flow, later))


def conditional_flow():
    """Of levels, a split and a loop over depth, all of which inputs must reach."""

    def level(name):
        return Chain([Squeeze(), Repeated(Chain([OfLabels(), Noisy()]), 2), OfLabels()], name=name)

    multiscale = MultiScale([level("one"), level("two")], [Split()])
    bijector = Chain([Logit(), multiscale])
    flow = Flow(UniformDequantization(), bijector, StandardNormal(), SHAPE, ClassCondition(OfLabels.labels))
    flow.reset_weights(0)
    perturb(flow, 0.1)
    return flow


def test_inputs_reach_every_layer():
    """An image's results are those of its label and its number, whoever stands beside it."""
    flow, x, labels = conditional_flow(), pixels(4), tf.constant([0, 3, 0, 1])
    inputs = Inputs(labels, Seed(3, first=7))
    latents, log_det = flow.encode_and_log_det(flow.dequantize_midpoint(x), inputs)
    back, back_log_det = flow.decode_and_log_det(latents, inputs)
    np.testing.assert_allclose(back, flow.dequantize_midpoint(x), atol=1e-5)
    np.testing.assert_allclose(back_log_det, -log_det, rtol=1e-4)
    whole = flow.bits_per_dim(x, 3, 7, condition=labels)
    for number in range(4):
        one = flow.bits_per_dim(x[number : number + 1], 3, 7 + number, condition=labels[number : number + 1])
        np.testing.assert_allclose(one, whole[number : number + 1], rtol=1e-5)
    other = flow.bits_per_dim(x, 3, 7, condition=tf.constant([0, 2, 0, 1]))
    np.testing.assert_array_equal(np.abs(other - whole) > 1e-3, [False, True, False, False])


def test_samples_and_latents_of_a_condition():
    bijector = Chain([Logit(), OfLabels()])
    flow = Flow(UniformDequantization(), bijector, StandardNormal(), SHAPE, ClassCondition(OfLabels.labels))
    perturb(flow, 0.5)
    labels = tf.constant([0, 3, 0, 1])
    latents = flow.sample_latents(4, seed=2)
    samples = flow.sample(4, seed=2, condition=labels)
    np.testing.assert_array_equal(samples, flow.decode(latents, labels))
    np.testing.assert_allclose(flow.encode(samples, labels)[0], latents[0], atol=1e-4)
    different = np.max(np.abs(flow.sample(4, seed=2, condition=tf.zeros(4, tf.int32)) - samples), axis=(1, 2, 3)) > 0
    np.testing.assert_array_equal(different, [False, True, False, True])
    normal = StandardNormal().log_prob(latents)
    expected = normal + flow.encode_and_log_det(samples, Inputs(labels))[1]
    np.testing.assert_allclose(flow.log_prob(samples, labels), expected, rtol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
def test_precision(precision):
    flow = build(precision)
    kept = "float64" if precision == "float64" else "float32"
    assert {v.dtype for v in flow.trainable_variables} == {kept}
    x = flow.dequantize_midpoint(pixels())
    assert x.dtype == kept and flow.log_prob(x).dtype == kept
    network = flow.bijector.layers[1].levels[0].layers[1].step().layers[2].network
    assert network.first.compute_dtype == {"bfloat16": "bfloat16"}.get(precision, kept)
    np.testing.assert_allclose(flow.log_prob(x), build("float64").log_prob(tf.cast(x, tf.float64)), rtol=2e-2)


def test_bfloat16_networks_bring_an_image_back():
    """In float32, that is: in bfloat16 both ways the networks' outputs jump where rounding errors cross a boundary."""
    flow = build("bfloat16", depth=8, width=64)
    x = flow.dequantize_midpoint(pixels(32))
    error = np.abs(flow.decode(flow.encode(x)) - x).max()
    rounded = np.abs(flow.decode_and_log_det(flow.encode_and_log_det(x)[0])[0] - x).max()
    assert error < 1e-4 < 1e-3 < rounded


@pytest.mark.parametrize("name", MODELS)
def test_every_family_is_a_function_of_the_package(name):
    """After its first use, too, which imports its module."""
    MODELS.load(name)
    assert callable(getattr(models, name))


FAMILIES = {name: {"levels": 1, "depth": 4} for name in MODELS} | {
    "flowpp": {"layers": "1 stripes"},
    "iaf": {"depth": 1, "network": "masked_convolution"},
    "jet": {"depth": 2, "squeeze": 2},
    "maf": {"depth": 1, "network": "masked_convolution"},
    "nice_original": {"depth": 2, "network": "mlp", "preprocessing": "centre"},
    "realnvp_original": {"levels": 1, "residual_blocks": 1},
    "residual": {"levels": 1, "depth": 1, "dense_blocks": 0, "network": "lipschitz_convolution"},
    "tarflow": {"depth": 1, "network": "masked_convolution"},
}


@pytest.mark.parametrize("name", parametrized({name: name for name in MODELS}, ["glow", "nice_original"]))
def test_a_distribution_has_the_base_of_the_flow(name):
    flow = build_model(name, (4, 4, 3), **{"width": 4, "precision": "float64"} | FAMILIES[name])
    flow.reset_weights()
    perturb(flow, 0.1)
    x = flow.sample(2)
    np.testing.assert_allclose(flow.as_distribution().log_prob(x), flow.log_prob(x), rtol=1e-8)
