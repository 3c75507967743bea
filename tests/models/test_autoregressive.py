"""MAF, IAF and TarFlow: published numbers of parameters, densities, samples, and what is refused."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from flowconv.bijectors import NONE, Autoregressive
from flowconv.config import backward_of, changed, default_config, validate
from flowconv.errors import UserError
from flowconv.models import build_flow, build_model
from flowconv.preflight.estimates import count_parameters
from flowconv.testing import check_log_det, check_round_trip, perturb
from flowconv.training.step import build_step
from flowconv.training.writers import read_metrics
from tests.batches import batch_of
from tests.models.test_flow import AsBijector
from tests.programs import Ended, run_here
from tests.runs import config_of, in_full, overrides
from tests.same_runs import check_resumed, check_two_ranks
from tests.test_configs import CONFIGS, load

TARFLOW = {"network": "causal_transformer", "coupling": "gaussian", "preprocessing": "centre", "depth": 4}
SMALL = {
    "maf": {"network": "made", "coupling": "gaussian", "convolution": "conv1x1"},
    "iaf": {"network": "masked_convolution", "order": "quadrant"},
    "tarflow": TARFLOW | {"patch_size": 2, "heads": 2, "blocks": 1},
}


def small(name, precision="float64", **settings):
    flow = build_model(name, (4, 4, 3), **SMALL[name] | {"depth": 2, "width": 8, "precision": precision} | settings)
    flow.reset_weights()
    perturb(flow, 0.05)
    return flow


def count(image_size, **settings):
    with keras.StatelessScope(initialize_variables=False):
        return build_model("tarflow", (image_size, image_size, 3), **TARFLOW | settings).parameters


def test_tarflow_has_the_published_numbers_of_parameters():
    config = load(next(path for path in CONFIGS if path.stem == "tarflow_imagenet64"))
    assert count_parameters(config) == 460_142_784
    assert count(32, patch_size=4, width=512, blocks=4) == 50_866_560
    assert count(32, patch_size=2, width=256, blocks=2) == 6_618_208
    assert count(32, patch_size=2, width=256, blocks=3) != 6_618_208  # the control


@pytest.mark.parametrize("name", SMALL)
def test_round_trip_and_log_det(name):
    flow = small(name)
    x = tf.constant(np.random.default_rng(0).uniform(0.02, 0.98, (2, 4, 4, 3)))
    check_round_trip(AsBijector(flow), x, NONE, 1e-9)
    check_log_det(AsBijector(flow), x, NONE, 1e-9)


@pytest.mark.parametrize("name", SMALL)
def test_every_pixel_sees_every_other(name):
    """Its order and the reverse one together."""
    flow = small(name, depth=4)
    x = tf.fill((1, 4, 4, 3), tf.constant(0.4, tf.float64))
    for place in ((0, 0, 0, 0), (0, 3, 3, 2)):
        moved = flow.encode(tf.tensor_scatter_nd_add(x, [place], tf.constant([0.1], tf.float64)))[0]
        changed = np.any(flow.encode(x)[0] != moved, axis=-1)[0]
        assert np.sum(changed) > 1, place
    assert flow.latent_shapes == [(4, 4, 3)]


def test_samples_are_the_same_however_they_are_drawn():
    """Sequentially, with what is kept of tokens before, in segments, and all at once."""
    drawn = [small("tarflow", segments=segments).sample(2, temperature=0.8, seed=3) for segments in (1, 2, 4)]
    np.testing.assert_allclose(drawn[1], drawn[0], atol=1e-12)
    np.testing.assert_allclose(drawn[2], drawn[0], atol=1e-12)
    assert np.max(np.abs(drawn[0] - small("tarflow").sample(2, temperature=0.7, seed=3))) > 1e-3


def test_float32_gives_images_back():
    flow = small("tarflow", "float32", segments=4)
    x = flow.dequantize_midpoint(tf.constant(np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3)), tf.uint8))
    assert np.max(np.abs(flow.decode(flow.encode(x)) - x)) * 256.0 < 0.05


def test_settings_reach_the_layer():
    flow = small("tarflow", segments=2)
    step = flow.bijector.layers[1].levels[0].layers[0].step()
    layer = next(each for each in step.layers if isinstance(each, Autoregressive))
    assert (layer.segments, layer.network.steps, layer.network.heads) == (2, 4, 2)


@pytest.mark.parametrize("name", ["maf", "iaf", "tarflow"])
def test_depth_is_recomputed_where_inverting_is_slow(name):
    fields = {"model.name": name, "model.network": "made", "model.precision": "float64"}
    assert backward_of(fields) == ("invert" if name == "iaf" else "recompute")
    config = changed(default_config(), fields | {"model.backward": "invert"})
    if name == "iaf":
        validate(config)
        return
    with pytest.raises(UserError, match=f"^--config.model.backward=invert: .* with model.name={name}, whose"):
        validate(config)


@pytest.fixture(scope="module")
def run(tmp_path_factory, cache):
    """The workdir of a finished run of a tiny TarFlow."""
    workdir = tmp_path_factory.mktemp("tarflow") / "run"
    fields = {f"model.{name}": value for name, value in (SMALL["tarflow"] | {"patch_size": 4, "depth": 2}).items()}
    run_here("train.py", f"--workdir={workdir}", *overrides(**{"model.name": "tarflow"} | fields))
    return workdir


def test_a_run_is_trained_and_sampled_in_segments(run, tmp_path):
    results = json.loads((run / "results.json").read_text())
    assert np.isfinite(results["test_bits_per_dim"]) and results["max_reconstruction_error"] < 0.05
    pictures = []
    for segments in (1, 16):
        flags = [f"--segments={segments}", "--count=4", "--temperatures=0.7", f"--output={tmp_path}/{segments}"]
        run_here("scripts/sample.py", f"--workdir={run}", *flags)
        with Image.open(tmp_path / str(segments) / "samples-0.7.png") as picture:
            pictures.append(np.asarray(picture).astype(int))
    assert np.max(np.abs(pictures[0] - pictures[1])) <= 1 and np.std(pictures[0]) > 1.0
    with pytest.raises(Ended, match=r"^error: --segments=3: must divide the 16 patches of an image"):
        run_here("scripts/sample.py", f"--workdir={run}", "--segments=3", f"--output={tmp_path}/3")


def test_samples_of_a_run_are_guided(run, tmp_path):
    flags = [f"--workdir={run}", "--count=4", "--temperatures=0.7", f"--output={tmp_path}", "--files"]
    run_here("scripts/sample.py", *flags)
    for temperature in (4, 2):  # the later ones replace neither
        run_here("scripts/sample.py", *flags, "--guidance=3", f"--attention_temperature={temperature}")
    samples, said = [], []
    for name in ("", "-guidance-3-attention-4", "-guidance-3-attention-2"):
        drawn = [Image.open(file) for file in sorted((tmp_path / f"samples-0.7{name}").iterdir())]
        samples.append(np.stack([np.asarray(picture) for picture in drawn]))
        said.append((drawn[0].text.get("guidance"), drawn[0].text.get("attention temperature")))
    assert samples[0].shape == samples[1].shape == (4, 16, 16, 3) and np.any(samples[0] != samples[1])
    assert said == [(None, None), ("3", "4"), ("3", "2")]
    for flag, line in (
        (
            "--guidance=3",
            "--guidance=3: needs a run that was trained with model.condition=class and model.label_dropout",
        ),
        ("--denoise", "--denoise: is used with runs of model.dequantization=gaussian, not uniform"),
    ):
        with pytest.raises(Ended, match=f"^error: {line}"):
            run_here("scripts/sample.py", *flags, flag)


FAMILIES = ["tarflow", pytest.param("maf", marks=in_full), pytest.param("iaf", marks=in_full)]
NOISY = {"model.dequantization": "gaussian", "model.preprocessing": "symmetric"}


def fields_of(name, **fields):
    settings = SMALL[name] | ({"patch_size": 4} if name == "tarflow" else {}) | {"name": name, "depth": 1, "width": 4}
    return {f"model.{field}": value for field, value in settings.items()} | {"train.images": 64} | fields


@in_full  # as a run of Glow, in tests/resilience/test_signals.py
@pytest.mark.parametrize("name", SMALL)
def test_a_stopped_run_goes_on_bit_for_bit(name, tmp_path, cache, capsys):
    check_resumed(tmp_path, **fields_of(name, **NOISY), **{"optimizer.weight_decay": 0.1})
    assert "going on at 32 images" in capsys.readouterr().out


def test_a_run_with_gaussian_noise_says_so_and_its_samples_are_denoised(tmp_path, cache, capsys):
    """Its figure stands in a column of its own."""
    workdir, fields = tmp_path / "run", fields_of("tarflow", **NOISY) | {"train.images": 32}
    run_here("train.py", f"--workdir={workdir}", *overrides(**fields))
    assert "bits/dim of noisy images" in capsys.readouterr().out
    rows = read_metrics(workdir / "metrics.csv")
    assert any(row["bits_per_dim_of_noisy_images"] for row in rows) and not any(row["bits_per_dim"] for row in rows)
    assert any(row["validation_bits_per_dim"] for row in rows)
    results = json.loads((workdir / "results.json").read_text())
    assert results["bits_per_dim_is"] == "an upper bound: one draw of uniform noise an image"
    flags = [f"--workdir={workdir}", "--count=2", "--temperatures=0.7", f"--output={tmp_path}/out", "--files"]
    run_here("scripts/sample.py", *flags)
    run_here("scripts/sample.py", *flags, "--denoise")
    noisy, denoised = (
        [Image.open(file) for file in sorted((tmp_path / "out" / name).iterdir())]
        for name in ("samples-0.7", "samples-0.7-denoised")
    )
    assert any(np.any(np.asarray(a) != np.asarray(b)) for a, b in zip(noisy, denoised, strict=True))
    assert denoised[0].text["noise"] == "taken out" and "noise" not in noisy[0].text


@in_full
@pytest.mark.parametrize("name", SMALL)
def test_two_ranks_are_one_with_twice_the_batch(name, train, tmp_path):
    """Weight decay, Gaussian noise and data-dependent initialization included."""
    more = {"train.initialization_images": 17, "optimizer.weight_decay": 0.1}
    check_two_ranks(train, tmp_path, **fields_of(name, **NOISY), **more)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_batch_in_parts_has_the_gradient_of_the_whole(name):
    """As ranks share a batch: flips, noise and an image's position are its own."""
    config = config_of(**fields_of(name, **NOISY), **{"model.precision": "float64", "data.image_size": 8})
    flow = build_flow(config)
    perturb(flow, 0.05)
    step = build_step(config, flow)
    images = tf.constant(np.random.default_rng(0).integers(0, 256, (8, 8, 8, 3)), tf.uint8)
    _, whole = step.differentiate(batch_of(images, 24))
    parts = [step.differentiate(batch_of(images[first : first + 4], 24 + first))[1] for first in (0, 4)]
    for expected, *halves in zip(whole, *parts, strict=True):
        np.testing.assert_allclose((halves[0] + halves[1]) / 2.0, expected, rtol=1e-8, atol=1e-10)
    other = step.differentiate(batch_of(images[4:], 24))[1]  # the control: the noise of other images
    assert any(np.max(np.abs(a - b)) > 1e-6 for a, b in zip(other, parts[1], strict=True))


@in_full
def test_an_exported_model_samples(run, tmp_path):
    run_here("scripts/export.py", f"--workdir={run}", f"--output={tmp_path}/model")
    model = tf.saved_model.load(str(tmp_path / "model"))
    given = {"count": tf.constant(2), "temperature": tf.constant(0.7), "seed": tf.constant(0)}
    images = model.signatures["sample"](**given)["images"]
    assert images.shape == (2, 16, 16, 3) and np.all(np.isfinite(images))


REFUSED = [
    ({}, r"model.network=glow: must be causal_transformer or made or masked_convolution with model.name=maf, since .*"),
    ({"network": "made", "order": "quadrant"}, "model.order=quadrant: must be one of raster, rows"),
    ({"network": "masked_convolution", "order": "spiral"}, "model.order=spiral: must be one of raster, quadrant, rows"),
    ({"network": "masked_convolution", "kernel_size": 1}, "model.kernel_size=1: must be at least 3 with .*"),
    ({"network": "masked_convolution", "segments": 2}, "model.segments=2: must be 1 with model.network=masked_conv.*"),
    (
        {"network": "causal_transformer", "patch_size": 3},
        "model.patch_size=3: must divide the height and the width of the images, here 32×32",
    ),
    (
        {"network": "causal_transformer", "patch_size": 4, "segments": 3},
        "model.segments=3: must divide the 64 patches of an image",
    ),
    ({"name": "glow", "segments": 2}, "model.segments=2: must be 1 with model.name=glow, which has no order"),
]


@pytest.mark.parametrize(("fields", "line"), REFUSED, ids=str)
def test_refuses(fields, line):
    config = changed(default_config(), {f"model.{name}": value for name, value in ({"name": "maf"} | fields).items()})
    with pytest.raises(UserError, match=f"^--config.{line}$"):
        validate(config)


def test_refuses_a_network_without_an_order_in_python():
    with pytest.raises(
        ValueError, match="network must be one whose pixels depend on those before them alone, got Glow"
    ):
        build_model("maf", (4, 4, 3), depth=1, width=4)
