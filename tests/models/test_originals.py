"""RealNVP and NICE as they were published."""

import math

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from flowconv.bijectors import NONE
from flowconv.config import changed, default_config
from flowconv.evaluation.layer_outputs import repeated_layers
from flowconv.models import StandardLogistic, build_flow, build_model
from flowconv.testing import check_log_det, check_round_trip, perturb
from flowconv.training.step import build_step
from tests.batches import batch_of
from tests.models.test_flow import AsBijector
from tests.runs import FULL, in_full

SHAPE = (4, 8, 3)
MODELS = {
    "realnvp_original": {"levels": 2, "residual_blocks": 1},
    "nice_original": {"depth": 4, "network": "mlp", "hidden_layers": 2, "preprocessing": "centre"},
}
every_model = pytest.mark.parametrize("name", MODELS)


def build(name, moved=0.1, **settings):
    own = MODELS[name] | {"width": 4, "precision": "float64"}
    flow = build_model(name, SHAPE, **own | settings)
    flow.reset_weights()
    perturb(flow, moved)
    return flow


def pixels(n=2):
    return tf.constant(np.random.default_rng(0).uniform(0.02, 0.98, (n, *SHAPE)))


@every_model
def test_round_trip_and_log_det(name):
    flow = build(name)
    check_round_trip(AsBijector(flow), pixels(), NONE, 1e-8)
    if FULL or name == "nice_original":  # RealNVP's layers are proven in tests/bijectors
        check_log_det(AsBijector(flow), pixels(), NONE, 1e-8)


@in_full
@every_model
def test_trains_and_is_reproducible(name):
    config = changed(default_config(), {"model.name": name, **{f"model.{n}": v for n, v in MODELS[name].items()}})
    config.model.width, config.data.image_size, config.data.flip, config.optimizer.warmup_images = 8, 8, False, 0
    flow = build_flow(config)
    step = build_step(config, flow)
    images = tf.constant(np.random.default_rng(0).integers(90, 110, (16, 8, 8, 3)), tf.uint8)
    flow.initialize(images)
    figures = [float(step(batch_of(images))["bits_per_dim"]) for _ in range(20)]
    assert figures[-1] < figures[0] - 0.02
    np.testing.assert_array_equal(flow.to_images(flow.decode(flow.encode(flow.dequantize_midpoint(images)))), images)


# RealNVP


def test_the_diagonal_of_each_block_stays():
    """Without shifts, since those of new couplings aren't 0; scales are 1 at first."""
    flow = build("realnvp_original", moved=0.0, preprocessing="centre")
    for variable in flow.trainable_variables:
        if "last" in variable.path and variable.path.endswith("gain"):
            variable.assign(tf.zeros_like(variable))
    x = pixels(1)
    left, stayed = flow.encode(x)
    blocks = np.reshape(x - 0.5, (2, 2, 4, 2, 3)).transpose(0, 2, 1, 3, 4)
    np.testing.assert_allclose(left[0, ..., :3], blocks[:, :, 0, 1], atol=1e-12)
    np.testing.assert_allclose(left[0, ..., 3:], blocks[:, :, 1, 0], atol=1e-12)
    np.testing.assert_allclose(stayed[0, ..., :3], blocks[:, :, 0, 0], atol=1e-12)
    np.testing.assert_allclose(stayed[0, ..., 3:], blocks[:, :, 1, 1], atol=1e-12)


def test_a_new_coupling_shifts_and_scales_nothing():
    flow = build("realnvp_original", moved=0.0, preprocessing="centre")
    latents, log_det = flow.encode_and_log_det(pixels())
    np.testing.assert_array_equal(log_det, 0.0)
    assert np.max(np.abs(latents[1][..., :3] - (pixels()[:, ::2, ::2] - 0.5))) > 1e-3


def test_couplings_and_widths_are_the_published_ones():
    """3 of fields and 3 of channels, twice as wide; then 4 of fields."""
    loops = repeated_layers(build("realnvp_original"))
    found = []
    for loop in loops:
        couplings = [layer for layer in loop.step().layers if hasattr(layer, "network")]
        found.append((loop.depth * len(couplings), couplings[0].network.width, type(couplings[0].mask).__name__))
    fields = "CheckerboardMask"
    assert found == [(2, 4, fields), (1, 4, fields), (3, 8, "ChannelMask"), (4, 8, fields)]
    first = next(layer for layer in loops[0].step().layers if hasattr(layer, "network"))
    assert first.mask.colour == 1 and tuple(first.network.first.direction.shape) == (3, 3, 2 * (3 + 1), 4)


def test_the_penalty_is_that_of_scales_and_magnitudes():
    flow = build("realnvp_original", l2=0.5)
    named = [v for v in flow.trainable_variables if v.path.endswith(("network.scale", ".gain"))]
    assert any(v.path.endswith("network.scale") for v in named) and any(v.path.endswith(".gain") for v in named)
    np.testing.assert_allclose(flow.penalty(), 0.5 * sum(np.sum(np.square(v)) for v in named), rtol=1e-9)
    assert build("nice_original").penalty() is None


def test_training_minimizes_the_penalty_and_tells_bits_per_dim():
    def gradients(l2):
        fields = {"model.name": "realnvp_original", "model.levels": 1, "model.width": 4, "model.l2": l2}
        config = changed(default_config(), fields | {"data.image_size": 4, "model.residual_blocks": 1})
        config.data.flip, config.model.precision = False, "float64"
        flow = build_flow(config)
        perturb(flow)
        images = tf.constant(np.random.default_rng(0).integers(0, 256, (4, 4, 4, 3)), tf.uint8)
        loss, found = build_step(config, flow).differentiate(batch_of(images))
        np.testing.assert_allclose(loss, tf.reduce_mean(flow.bits_per_dim(images, config.seed)), rtol=1e-9)
        return flow, found

    (flow, found), (_, without) = gradients(0.5), gradients(0.0)
    for variable, gradient, other in zip(flow.trainable_variables, found, without, strict=True):
        penalized = variable.path.endswith(("network.scale", ".gain"))
        expected = 2.0 * 0.5 * variable.value / (48 * math.log(2.0)) if penalized else tf.zeros_like(gradient)
        np.testing.assert_allclose(gradient - other, expected, rtol=1e-7, atol=1e-12)


# NICE


def test_nice_scales_at_the_end_alone():
    flow = build("nice_original")
    scale = next(variable for variable in flow.variables if variable.path.endswith("log_scale"))
    _, log_det = flow.encode_and_log_det(pixels())
    np.testing.assert_allclose(log_det, np.sum(scale), rtol=1e-9)


def test_a_logistic_base_is_scipy_s():
    base = StandardLogistic()
    z = [tf.constant(np.random.default_rng(0).normal(0, 20, (3, 2, 2, 1))), tf.zeros((3, 4), tf.float64)]
    expected = sum(scipy.stats.logistic.logpdf(each).reshape(3, -1).sum(1) for each in z)
    np.testing.assert_allclose(base.log_prob(z), expected, rtol=1e-12)
    (drawn,) = base.sample(2000, [(5, 5, 1)], "float32", seed=3)
    assert scipy.stats.kstest(np.ravel(drawn), "logistic").pvalue > 1e-3
    assert scipy.stats.kstest(np.ravel(drawn), "norm").pvalue < 1e-3  # the control
    np.testing.assert_array_equal(base.sample(4, [(2, 2, 1)], "float64", temperature=0.0)[0], 0.0)
