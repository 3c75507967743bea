"""What a flow is given wrongly: a TypeError or a ValueError that says what it takes, and never NaN."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.config import changed, default_config, validate
from flowconv.config.parts import MODELS
from flowconv.errors import UserError
from flowconv.models import build_flow, build_model, glow
from tests.runs import FULL

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
X = ((IMAGES + 0.5) / 256).astype(np.float32)
OF_LEVELS = [name for name in MODELS if "levels" in MODELS.part(name).keywords]
DEEP = [name for name in MODELS if "depth" in MODELS.part(name).keywords and name not in ("realnvp", "nice_original")]
NETWORKS = {"residual": "lipschitz_convolution"} | dict.fromkeys(("iaf", "maf", "tarflow"), "masked_convolution")


def build(preprocessing="logit"):
    flow = glow((8, 8, 3), levels=2, depth=1, width=4, preprocessing=preprocessing)
    flow.reset_weights(0)
    return flow


@pytest.fixture(scope="module", params=["logit", "centre"])
def flow(request):
    return build(request.param)


OF_FLOATS = {
    "log_prob": lambda flow, x: flow.log_prob(x),
    "call": lambda flow, x: flow(x),
    "encode": lambda flow, x: flow.encode(x),
    "encode_and_log_det": lambda flow, x: flow.encode_and_log_det(x),
    "initialize": lambda flow, x: flow.initialize(x),
    "as_bijector": lambda flow, x: flow.as_bijector().forward(x),
    "as_distribution": lambda flow, x: flow.as_distribution().log_prob(x),
    "prob": lambda flow, x: flow.as_distribution().prob(x),
}
OF_BYTES = {
    "bits_per_dim": lambda flow, images: flow.bits_per_dim(images),
    "dequantize": lambda flow, images: flow.dequantize(images),
    "dequantize_midpoint": lambda flow, images: flow.dequantize_midpoint(images),
}


@pytest.mark.parametrize("method", OF_FLOATS)
@pytest.mark.parametrize(
    ("x", "error", "line"),
    [
        (tf.constant(IMAGES), (TypeError, ValueError), r"expected floats .* got uint8|requested dtype float32"),
        (tf.cast(IMAGES, tf.int32), (TypeError, ValueError), r"expected floats .* got int32|requested dtype float32"),
        (X[..., :1], ValueError, r"8, 8, 3\].*got float32 \(3, 8, 8, 1\)|expected shape=\(None, 8, 8, 3\)"),
        (X[:, :4], ValueError, r"8, 8, 3\].*got float32 \(3, 4, 8, 3\)|expected shape=\(None, 8, 8, 3\)"),
        (X[..., 0], ValueError, r"8, 8, 3\].*got float32 \(3, 8, 8\)|expected shape=\(None, 8, 8, 3\)"),
    ],
    ids=["uint8", "int32", "grey", "size", "rank"],
)
def test_floats_of_another_kind(flow, method, x, error, line):
    if method == "initialize" and x.dtype == tf.uint8:
        pytest.skip("it takes both")
    with pytest.raises(error, match=line):
        OF_FLOATS[method](flow, x)


@pytest.mark.parametrize("method", [name for name in OF_FLOATS if name not in ("as_distribution", "prob")])
@pytest.mark.parametrize("x", [IMAGES.astype(np.float32), X * np.nan, X + np.inf], ids=["0 to 255", "nan", "inf"])
def test_floats_of_another_scale(flow, method, x):
    with pytest.raises(ValueError, match=r"expected numbers in \[0, 1\), got some from"):
        OF_FLOATS[method](flow, x)


@pytest.mark.parametrize("method", ["log_prob", "encode"])
def test_one_image_needs_a_batch_axis(flow, method):
    with pytest.raises(ValueError, match=r"expected floats \[B, 8, 8, 3\] in \[0, 1\), got float32 \(8, 8, 3\)"):
        OF_FLOATS[method](flow, X[0])


@pytest.mark.parametrize("method", OF_BYTES)
@pytest.mark.parametrize(
    ("images", "error"),
    [(X, TypeError), (IMAGES.astype(np.int64), TypeError), (IMAGES[0], ValueError), (IMAGES[..., :1], ValueError)],
    ids=["floats", "int64", "rank", "grey"],
)
def test_bytes_of_another_kind(flow, method, images, error):
    with pytest.raises(error, match=r"glow: expected uint8 \[B, 8, 8, 3\], got "):
        OF_BYTES[method](flow, images)


@pytest.mark.parametrize(
    ("change", "error", "line"),
    [
        (lambda z: z[0], ValueError, "expected a list of 2 latents, as encode's, got a EagerTensor"),
        (lambda z: z[:1], ValueError, "expected a list of 2 latents, as encode's, got 1"),
        (lambda z: [*z, z[0]], ValueError, "expected a list of 2 latents, as encode's, got 3"),
        (lambda z: z[::-1], ValueError, r"latents of level 1: expected floats \[B, 4, 4, 6\], got float32 \(3, 2, 2"),
        (lambda z: [z[0], tf.cast(z[1], tf.int32)], TypeError, r"latents of level 2: expected floats .*, got int32"),
    ],
    ids=["one tensor", "too few", "too many", "order", "dtype"],
)
@pytest.mark.parametrize("method", ["decode", "decode_and_log_det"])
def test_latents_of_another_kind(flow, method, change, error, line):
    with pytest.raises(error, match=line):
        getattr(flow, method)(change(flow.encode(X)))


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"n": 0}, "n must be a whole number of at least 1, got 0"),
        ({"n": 2.5}, "n must be a whole number of at least 1, got 2.5"),
        ({"n": 2.0}, "n must be a whole number of at least 1, got 2.0"),
        ({"n": np.inf}, "n must be a whole number of at least 1, got inf"),
        ({"n": "two"}, "n must be a whole number of at least 1, got 'two'"),
        ({"temperature": -1.0}, "temperature must be a finite number of at least 0, got -1.0"),
        ({"temperature": np.nan}, "temperature must be a finite number of at least 0, got nan"),
        ({"seed": None}, "seed must be a whole number, got None"),
        ({"seed": 1.0}, "seed must be a whole number, got 1.0"),
        ({"seed": 0.5}, "seed must be a whole number, got 0.5"),
    ],
    ids=str,
)
def test_samples_of_another_kind(flow, arguments, line):
    with pytest.raises(ValueError, match=line):
        flow.sample(**{"n": 2} | arguments)


def test_pictures_of_another_kind(flow):
    with pytest.raises(TypeError, match=r"expected floats .* got uint8"):
        flow.to_images(IMAGES)


def test_other_floats_are_cast(flow):
    for dtype in (tf.float16, tf.float64):
        x = tf.cast(X, dtype)
        assert flow.log_prob(x).dtype == flow.as_distribution().log_prob(x).dtype == tf.float32
        np.testing.assert_allclose(flow.log_prob(x), flow.log_prob(X), rtol=0.1)


@pytest.mark.parametrize("way", ["eager", "graph", "distribution"] if FULL else ["eager"])
def test_outside_of_the_support_the_density_is_0(way):
    """Not NaN, and neither is the gradient; within it, a little outside of [0, 1), it is what it is."""
    flow = build()
    distribution = flow.as_distribution()
    log_prob = {
        "eager": flow.log_prob,
        "graph": tf.function(flow.log_prob, autograph=False),
        "distribution": distribution.log_prob,
    }[way]
    x = tf.constant(X + np.array([0.0, 1.2, 0.0], np.float32)[:, None, None, None])
    with tf.GradientTape() as tape:
        found = log_prob(x)
    gradient = tape.gradient(found, [v.value for v in flow.trainable_variables])
    assert found[1] == -np.inf and np.all(np.isfinite(found.numpy()[[0, 2]]))
    assert all(np.all(np.isfinite(part)) for part in gradient)
    assert np.all(np.isfinite(log_prob(tf.fill([1, 8, 8, 3], -0.05))))
    assert distribution.prob(x)[1] == 0.0


@pytest.mark.parametrize("of", ["encode", "as_bijector"])
def test_outside_of_the_support_there_are_no_latents(of):
    with pytest.raises(ValueError, match=r"got 1\.2, which is outside of its domain"):
        OF_FLOATS[of](build(), np.full((1, 8, 8, 3), 1.2, np.float32))


def test_no_noise_reaches_1():
    """Though 255 and much noise round to 256 in float32."""
    white = tf.fill([64, 8, 8, 3], tf.constant(255, tf.uint8))
    flow = build()
    x = flow.dequantize(white, first=0)
    again = [flow.dequantize(white, first=64 * k) for k in range(60)]
    assert max(np.max(part) for part in (x, *again)) < 1.0
    assert np.any([np.max(part) == np.nextafter(np.float32(1), np.float32(0)) for part in (x, *again)])


def test_what_is_not_finite_is_no_picture():
    flow = build()
    x = np.tile(X[:1], (3, 1, 1, 1))
    x[1, 2, 3, 0] = np.nan
    x[2, 0, 0, 0] = np.inf
    shown = flow.to_images(x).numpy()
    np.testing.assert_array_equal(shown[0], IMAGES[0])
    for image in shown[1:]:
        assert {tuple(pixel) for pixel in image.reshape(-1, 3)} == {(0, 0, 0), (255, 0, 255)}


@pytest.mark.parametrize(
    ("family", "settings", "line"),
    [
        ("realnvp", {"depth": 6}, "depth must be a multiple of 4, got 6"),
        ("realnvp", {"depth": 0}, "depth must be a multiple of 4, got 0"),
        ("nice_original", {"depth": 5}, "depth must be even, and at least 2, got 5"),
        ("nice_original", {"depth": 0}, "depth must be even, and at least 2, got 0"),
        *((name, {"depth": 0}, "depth must be a whole number of at least 1, got 0") for name in DEEP),
        *((name, {"levels": 0}, "levels must be a whole number of at least 1, got 0") for name in OF_LEVELS),
    ],
)
def test_depths_of_another_kind(family, settings, line):
    with pytest.raises(ValueError, match=line):
        build_model(family, (8, 8, 3), **{"width": 4, "network": NETWORKS.get(family, "glow")} | settings)


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("family", OF_LEVELS)
def test_a_config_takes_the_sizes_that_a_family_can_be_built_for(family, size):
    """Residual flows have one halving less than the others."""
    network = NETWORKS.get(family, "glow")
    fields = {"model.name": family, "model.levels": 2, "model.depth": 4, "model.network": network}
    config = changed(default_config(), fields | {"model.width": 4, "data.image_size": size})
    if size == 4 or family == "residual":
        validate(config)
        build_flow(config)
        return
    with pytest.raises(UserError, match=r"must be divisible by 2\^model.levels = 4"):
        validate(config)
    with pytest.raises(ValueError, match="even"):
        build_flow(config)


def test_the_halvings_of_residual_flows_are_counted():
    fields = {"model.name": "residual", "model.network": "lipschitz_convolution", "model.levels": 3}
    validate(changed(default_config(), fields | {"data.image_size": 28}))
    with pytest.raises(UserError, match=r"image_size=30: must be divisible by 2\^\(model.levels − 1\) = 4, since"):
        validate(changed(default_config(), fields | {"data.image_size": 30}))


@pytest.mark.parametrize("family", MODELS)
def test_a_misspelt_prior_is_refused_by_every_family(family):
    """By those without a split, too."""
    with pytest.raises(ValueError, match="prior must be one of standard, learned, got 'lerned'"):
        build_model(family, (8, 8, 3), prior="lerned")
