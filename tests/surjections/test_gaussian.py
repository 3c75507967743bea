"""Gaussian noise in training: what the flow sees, what its figures are, and denoising."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors import Inputs, Seed
from flowconv.config import changed, default_config, validate
from flowconv.errors import UserError
from flowconv.evaluation import metrics_in
from flowconv.models import build_model
from flowconv.surjections.gaussian import GaussianNoise
from flowconv.surjections.uniform import UniformDequantization

IMAGES = tf.constant(np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3)), tf.uint8)
FLOW = {"depth": 1, "width": 4, "network": "causal_transformer", "heads": 1, "patch_size": 4, "coupling": "gaussian"}


def test_training_sees_gaussian_noise_and_evaluation_uniform():
    layer = GaussianNoise(noise_deviation=0.1, dtype="float64")
    middle = UniformDequantization(dtype="float64").add(IMAGES, tf.constant(0.5, tf.float64))
    x, log_density = layer.forward_and_log_density(IMAGES, Inputs(seed=Seed(3), training=True))
    noise = np.asarray(x - middle)
    assert abs(np.mean(noise)) < 0.006 and abs(np.std(noise) - 0.1) < 0.004
    assert np.mean(np.abs(noise) > 0.1) == pytest.approx(0.317, abs=0.02)  # not uniform, of which 42 % were
    np.testing.assert_array_equal(log_density, np.zeros(8))  # that of noisy images is the flow's alone
    second, _ = layer.forward_and_log_density(IMAGES[3:], Inputs(seed=Seed(3, 3), training=True))
    np.testing.assert_array_equal(second, x[3:])  # an image's noise is its own
    found = layer.forward_and_log_density(IMAGES, Inputs(seed=Seed(3)))[0]
    expected = UniformDequantization(dtype="float64").forward_and_log_density(IMAGES, Inputs(seed=Seed(3)))[0]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(layer.inverse(found), IMAGES)
    assert (layer.noise, layer.training_unit) == ("uniform", "bits/dim of noisy images")
    assert layer.training_figure in metrics_in("train")


def test_denoising_is_exact_of_a_normal_distribution():
    """Of x ~ N(m, s²), of which σ² is noise, the mean of the image is m + (1 − σ²/s²)·(x − m)."""
    settings = {"dequantization": "gaussian", "preprocessing": "symmetric", "precision": "float64"}
    flow = build_model("tarflow", (4, 4, 3), **FLOW | settings)  # the identity, at first
    x = flow.sample(2, seed=1)
    deviation, mean = 127.5 / 256.0, 127.5 / 256.0
    expected = mean + (1.0 - 0.2**2 / deviation**2) * (x - mean)
    np.testing.assert_allclose(flow.denoise(x, 0.2), expected, atol=1e-12)


def test_patches_need_not_divide_half_an_image():
    """As those of variational dequantization, whose flow halves it, have to."""
    fields = {"name": "tarflow", "network": "causal_transformer", "preprocessing": "centre", "patch_size": 8}
    config = changed(default_config(), {f"model.{name}": value for name, value in fields.items()})
    config.data.image_size = 24
    for dequantization in ("uniform", "gaussian"):
        config.model.dequantization = dequantization
        validate(config)
    config.model.dequantization = "variational"
    with pytest.raises(UserError, match=r"^--config.model.patch_size=8: must divide half of data.image_size = 24 with"):
        validate(config)


def test_a_map_of_pixels_with_an_end_is_refused():
    config = changed(default_config(), {"model.dequantization": "gaussian"})
    with pytest.raises(UserError, match=r"^--config.model.preprocessing=logit: must be one of centre, symmetric with "):
        validate(config)
    with pytest.raises(ValueError, match=r"^preprocessing must not be logit"):
        build_model("tarflow", (4, 4, 3), dequantization="gaussian", **FLOW)
    config.model.preprocessing = "symmetric"
    validate(config)
    with pytest.raises(ValueError, match=r"noise_deviation must be within \(0, 1\], got 0"):
        GaussianNoise(noise_deviation=0.0)
