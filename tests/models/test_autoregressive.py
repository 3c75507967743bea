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
from flowconv.models import build_model
from flowconv.preflight.estimates import count_parameters
from flowconv.testing import check_log_det, check_round_trip, perturb
from tests.models.test_flow import AsBijector
from tests.programs import Ended, run_here
from tests.runs import overrides
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
