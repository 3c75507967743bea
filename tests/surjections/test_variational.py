"""Variational dequantization: the density of its noise is exact, its bound holds, and it trains."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from flowconv.bijectors import ActNorm, Chain, Inputs, Logit, Seed
from flowconv.config.parts import MODELS, TRANSFORMS
from flowconv.models import Flow, StandardNormal, build_model
from flowconv.surjections.variational import VariationalDequantization
from flowconv.testing import perturb
from tests.runs import FULL

SHAPE = (2, 2, 1)
DRAWS = 64 * 512


def pixels(n=3, shape=(4, 4, 3), seed=0):
    return tf.constant(np.random.default_rng(seed).integers(0, 256, (n, *shape)), tf.uint8)


def new(dequantization=VariationalDequantization, **settings):
    own = {"n_bits": 2, "dequantizer_depth": 2, "dequantizer_width": 4, "context_width": 4, "dtype": "float64"}
    return dequantization(**own | settings)


def small(**settings):
    layer = new(**settings)
    layer.build((None, *SHAPE))
    layer.reset_weights()
    perturb(layer, 0.3)
    return layer


class Toy:
    """Images of 2×2 numbers of two bits, independent ones: P(image) is known."""

    def __init__(self, dequantization=VariationalDequantization):
        self.normalize = ActNorm("position", dtype="float64")
        bijector = Chain([Logit(dtype="float64"), self.normalize], dtype="float64")
        self.flow = Flow(new(dequantization), bijector, StandardNormal(), SHAPE, dtype="float64")
        self.flow.reset_weights()
        perturb(bijector, 0.3)
        perturb(self.flow.dequantization, 0.05)
        # As broad a density of u as that p/q has a variance that draws can tell.
        log_scale = next(each for each in self.flow.dequantization.variables if each.path.endswith("norm.log_scale"))
        log_scale.assign(log_scale.value + 0.5)

    def log_probability(self, image):
        """log P, nats: a number z = γ·logit(0.05 + 0.9·x) + β ~ N(0, 1) lies between what the level's ends become."""
        levels = image.astype(np.float64) // 64
        ends = [scipy.special.logit(0.05 + 0.9 * (levels + more) / 4.0) for more in (0.0, 1.0)]
        scale, bias = np.exp(self.normalize.log_scale.numpy()), self.normalize.bias.numpy()
        low, high = (scipy.stats.norm.cdf(scale * end + bias) for end in ends)
        return np.log(high - low).sum()

    def log_weights(self, image):
        """log p(x) − log q(u | image) − D·n_bits·log 2 of many draws."""
        images = tf.repeat(tf.constant(image)[None], DRAWS, axis=0)
        return -self.flow.bits_per_dim(images).numpy() * self.flow.dimensions * np.log(2.0)


IMAGE = np.array([[[0], [255]], [[128], [64]]], np.uint8)


def error_of_probability(toy):
    """How far the mean of p/q lies from P, in standard errors."""
    ratios = np.exp(toy.log_weights(IMAGE) - toy.log_probability(IMAGE))
    return abs(ratios.mean() - 1.0) / (ratios.std() / np.sqrt(DRAWS))


def test_the_bound_holds_and_several_draws_tighten_it():
    """E[p/q] = P whatever q is; one draw's bits/dim lie above −log₂ P/D, those of 64 draws between."""
    toy = Toy()
    assert toy.log_weights(IMAGE).std() < 2.0
    assert error_of_probability(toy) < 4.0
    exact = -toy.log_probability(IMAGE) / (np.log(2.0) * toy.flow.dimensions)
    log_weights = toy.log_weights(IMAGE).reshape(-1, 64)
    bits = {
        1: -log_weights / (np.log(2.0) * toy.flow.dimensions),
        64: (np.log(64.0) - np.logaddexp.reduce(log_weights, 1)) / (np.log(2.0) * toy.flow.dimensions),
    }
    noise = {k: each.std() / np.sqrt(each.size) for k, each in bits.items()}
    gap = {k: each.mean() - exact for k, each in bits.items()}
    assert max(noise.values()) < 0.01
    assert gap[1] > 0.02 and gap[1] > gap[64] + 4.0 * (noise[1] + noise[64])
    assert -4.0 * noise[64] < gap[64] < 0.25 * gap[1]


class HalfTheSigmoid(VariationalDequantization):
    """Has half of the sigmoid's log-determinant."""

    def forward_and_log_density(self, images, inputs):
        x, log_density = super().forward_and_log_density(images, inputs)
        u = 4.0 * x - tf.floor(4.0 * x)
        return x, log_density + 0.5 * tf.reduce_sum(tf.math.log(u) + tf.math.log1p(-u), [1, 2, 3])


def test_a_wrong_density_is_noticed():
    assert error_of_probability(Toy(HalfTheSigmoid)) > 10.0


def test_levels_survive_and_noise_is_that_of_an_image_s_number():
    layer, images = small(n_bits=8), pixels(5, SHAPE)
    x, log_density = layer.forward_and_log_density(images, Inputs(seed=Seed(3, first=10)))
    np.testing.assert_array_equal(layer.inverse(x), images)
    again, more = layer.forward_and_log_density(images[2:], Inputs(seed=Seed(3, first=12)))
    np.testing.assert_allclose(again, x[2:], atol=1e-12)
    np.testing.assert_allclose(more, log_density[2:], atol=1e-9)
    for seed in (Seed(4, first=10), Seed(3, first=10, stream=2)):
        other, _ = layer.forward_and_log_density(images, Inputs(seed=seed))
        assert np.max(np.abs(other - x)) > 1e-4


def test_noise_far_out_stays_within_its_level():
    """Though float32 rounds σ to 0 and to 1 there."""
    layer = VariationalDequantization(dequantizer_width=4, context_width=4)
    layer.build((None, *SHAPE))
    bias = next(variable for variable in layer.variables if variable.path.endswith("norm.bias"))
    bias.assign(tf.fill(bias.shape, 60.0))
    x, log_density = layer.forward_and_log_density(pixels(3, SHAPE), Inputs(seed=Seed(0)))
    np.testing.assert_array_equal(layer.inverse(x), pixels(3, SHAPE))
    assert np.all(np.isfinite(log_density))


def test_it_sees_no_bits_that_are_dropped():
    layer, images = small(n_bits=3), pixels(3, SHAPE)
    given = Inputs(seed=Seed(0))
    for found, expected in zip(
        layer.forward_and_log_density(images | 31, given), layer.forward_and_log_density(images, given), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def bits_and_gradients(layer, images):
    values = [variable.value for variable in layer.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(values)
        x, log_density = layer.forward_and_log_density(images, Inputs(seed=Seed(0)))
        loss = tf.reduce_sum(tf.sin(9.0 * x)) + tf.reduce_mean(log_density)
    return loss, *tape.gradient(loss, values)


def test_gradients_are_those_of_every_mode_and_compiler():
    """Of the noise, too: through u; every weight of both networks has one."""
    images = pixels(3, SHAPE)
    expected = bits_and_gradients(small(backward="store"), images)
    assert all(np.any(gradient != 0) for gradient in expected[1:])
    for backward in ("store", "recompute", "invert"):
        layer = small(backward=backward)
        for compiled in (False, True) if FULL or backward == "invert" else (False,):
            found = tf.function(bits_and_gradients, autograph=False, jit_compile=compiled)(layer, images)
            for each, other in zip(found, expected, strict=True):
                np.testing.assert_allclose(each, other, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("coupling", TRANSFORMS)
def test_its_depth_is_inverted_where_the_inverse_is_exact_enough(coupling, dtype):
    """By default; what is asked for is done."""
    is_safe = dtype == "float64" or not TRANSFORMS.part(coupling).unsafe_inverse
    assert new(coupling=coupling, dtype=dtype).backward == ("invert" if is_safe else "recompute")
    assert new(coupling={"name": coupling}, dtype=dtype, backward="store").backward == "store"


SETTINGS = {
    "levels": 1,
    "depth": 4,
    "width": 8,
    "dequantization": "variational",
    "dequantizer_depth": 2,
    "dequantizer_width": 8,
    "context_width": 8,
}
NETWORKS = {
    "glow": {},
    "resnet": {"network": "resnet"},
    "attention": {"network": "attention", "blocks": 1, "coupling": "mixture"},
    "transformer": {"network": "transformer", "blocks": 1, "patch_size": 2, "heads": 4, "coupling": "spline"},
}


def flow_of(model="glow", **settings):
    keywords = MODELS.part(model).keywords
    own = {name: value for name, value in SETTINGS.items() if name in keywords or name not in ("levels", "depth")}
    if model in ("iaf", "maf", "tarflow"):
        own["network"] = "masked_convolution"
    if model == "residual":
        own["network"] = "lipschitz_convolution"
    if model == "flowpp":
        own["layers"] = "2 stripes"
    flow = build_model(model, (8, 8, 3), **own | settings)
    flow.reset_weights()
    return flow


@pytest.mark.parametrize("model", MODELS if FULL else [name for name in MODELS if name != "residual"])
def test_every_family_has_it(model):
    flow, images = flow_of(model), pixels(16, (8, 8, 3))
    flow.initialize(images)
    bits = flow.bits_per_dim(images)
    assert flow.dequantization.noise == "variational"
    assert np.all(np.isfinite(bits)) and np.max(bits) < 20.0
    np.testing.assert_array_equal(flow.to_images(flow.dequantize(images)), images)


@pytest.mark.parametrize("settings", NETWORKS.values(), ids=NETWORKS.keys())
def test_every_network_sees_the_image(settings):
    flow, images = flow_of(precision="bfloat16", **settings), pixels(4, (8, 8, 3))
    perturb(flow, 0.1)
    assert np.all(np.isfinite(flow.bits_per_dim(images)))
    noise = [256.0 * flow.dequantize(each) - tf.cast(each, tf.float32) for each in (images, 255 - images)]
    assert np.max(np.abs(noise[0] - noise[1])) > 1e-2


def test_its_flow_is_initialized_before_the_main_one():
    """On the same batch: the first normalization of the main flow sees what the dequantizer makes of it by then."""
    flow, images = flow_of("flowpp", layers="1 stripes", precision="float64"), pixels(64, (8, 8, 3))
    flow.initialize(images)
    x = flow.bijector.layers[0].forward(flow.dequantize(images))
    repeated = flow.bijector.layers[1].levels[0].layers[0]
    with repeated.bind(repeated.slices(0)):
        y = repeated.step().layers[0].forward(x)
    np.testing.assert_allclose(tf.reduce_mean(y, 0), np.zeros((8, 8, 3)), atol=1e-6)
    np.testing.assert_allclose(tf.math.reduce_std(y, 0), np.ones((8, 8, 3)), atol=1e-3)
    before = [variable.numpy() for variable in flow.variables]
    flow.initialize(pixels(64, (8, 8, 3), seed=1))
    for variable, value in zip(flow.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_a_configuration_makes_an_equal_flow():
    flow, images = flow_of(network="attention", blocks=1, coupling="mixture", components=2), pixels(2, (8, 8, 3))
    perturb(flow, 0.1)
    other = Flow.from_config(flow.get_config())
    for variable, value in zip(other.variables, flow.variables, strict=True):
        variable.assign(value.value)
    np.testing.assert_array_equal(other.bits_per_dim(images), flow.bits_per_dim(images))
