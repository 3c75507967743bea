"""What one does with a trained flow."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import flowconv
from flowconv.applications import interpolation, sampling, scoring
from flowconv.applications.export import export
from flowconv.applications.loading import load_run
from flowconv.applications.report import write_report
from flowconv.errors import UserError
from flowconv.evaluation import pictures
from tests.runs import environment, launch


@pytest.fixture(scope="module")
def run(finished_run):
    return load_run(finished_run[0])


def test_loads_the_better_weights(finished_run, run):
    results = json.loads((finished_run[0] / "results.json").read_text())
    expected = results["test_bits_per_dim_ema" if results["better_weights"] == "averaged" else "test_bits_per_dim"]
    flow = flowconv.load(finished_run[0])
    found = scoring.bits_per_dim(flow, run.images("test"), run.config.evaluation.seed, batch_size=200)
    assert found.mean() == pytest.approx(expected, abs=1e-5)


def test_samples_are_those_of_the_seed(run):
    one, again, other = (sampling.sample(run.flow, 5, 0.7, seed, batch_size=4) for seed in (3, 3, 4))
    assert one.shape == (5, 16, 16, 3) and one.dtype == np.uint8
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    assert not np.array_equal(one[:4], np.roll(one, 1, axis=0)[:4])


def test_interpolation_ends_at_its_images(run):
    images = run.images("test")[:3]
    rows = interpolation.interpolate(run.flow, images, steps=4)
    assert rows.shape == (2, 4, 16, 16, 3)
    assert np.array_equal(rows[:, 0], images[:2]) and np.array_equal(rows[:, -1], images[1:])
    assert not np.array_equal(rows[0, 1], images[0])


def test_an_attribute_is_added_and_taken_away(run):
    """Brightness: an image with some of it added is brighter."""
    images = run.images("test")[:64]
    bright = np.clip(images.astype(int) + 60, 0, 255).astype(np.uint8)
    direction = interpolation.attribute_direction(run.flow, bright, images, batch_size=30)
    moved = interpolation.manipulate(run.flow, images[:4], direction, [-1.0, 0.0, 1.0])
    assert np.array_equal(moved[:, 1], images[:4])
    means = moved.mean(axis=(0, 2, 3, 4))
    assert means[0] < means[1] - 10 and means[2] > means[1] + 10


def test_scores_do_not_depend_on_the_batch(run):
    images = run.images("test")[:10]
    whole, parts = (scoring.bits_per_dim(run.flow, images, 0, batch_size=size) for size in (10, 4))
    np.testing.assert_allclose(whole, parts, atol=1e-5)


@pytest.mark.parametrize("typical", [1, 2], ids=["one", "alike"])
def test_without_two_typical_images_that_differ_there_is_no_oddness(run, typical, monkeypatch):
    """No division by 0: bits/dim alone."""
    images = run.images("test")[:3]
    monkeypatch.setattr(scoring, "bits_per_dim", lambda flow, images, *_, **__: np.full(len(images), 4.0))
    scores = scoring.score(run.flow, images, images[:typical], 0)
    assert scores.oddness is None and np.all(scores.bits_per_dim == 4.0)
    found = scoring.detect(run.flow, images, 3 - typical, 0)
    assert found["noise"].by_oddness is None and found["noise"].by_bits_per_dim == 0.5


def test_interpolation_takes_two_images(run):
    with pytest.raises(ValueError, match="takes two images or more, got 1"):
        interpolation.interpolate(run.flow, run.images("test")[:1], steps=4)


DRAWN = {
    "sample": lambda flow, images: sampling.sample(flow, 3, 0.7, 0, batch_size=4),
    "interpolate": lambda flow, images: interpolation.interpolate(flow, images, 3),
    "manipulate": lambda flow, images: interpolation.manipulate(flow, images, flow.encode(images[:1] / 256.0), [0.0]),
    "sample_grid": lambda flow, images: pictures.sample_grid(flow, 4, 0.7, 0),
    "reconstruction_grid": lambda flow, images: pictures.reconstruction_grid(flow, images),
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_images_that_are_not_finite_are_told(run, draw, monkeypatch, capsys):
    """And drawn as what no image is, not as black ones."""
    images = run.images("test")[:2]
    draw(run.flow, images)
    assert not capsys.readouterr().err
    decode = run.flow.decode
    overflow = tf.constant([np.nan] + [0.0] * 100)
    monkeypatch.setattr(run.flow, "decode", lambda z: decode(z) + overflow[: tf.shape(z[0])[0], None, None, None])
    drawn = draw(run.flow, images)
    assert re.search(
        r"^warning: 1 of \d images aren't finite: drawn as checkerboards$", capsys.readouterr().err.strip()
    )
    assert np.any(np.all(drawn == (255, 0, 255), axis=-1))


def test_noise_is_odd(run):
    typical = run.images("test")[:200]
    noise = np.random.default_rng(0).integers(0, 256, (50, 16, 16, 3), np.uint8)
    odd, own = (scoring.score(run.flow, images, typical, 0) for images in (noise, run.images("test")[200:250]))
    assert scoring.area_under_curve(odd.bits_per_dim, own.bits_per_dim) > 0.9
    assert scoring.area_under_curve(np.arange(4), np.arange(4)) == 0.5
    assert scoring.area_under_curve(np.ones(3), np.zeros(2)) == 1.0


def test_the_exported_model_needs_tensorflow_alone(run, tmp_path):
    images = run.images("test")[:3]
    x = run.flow.level_centres(tf.constant(images)).numpy()
    expected = run.flow.log_prob(x).numpy()
    export(run.flow, tmp_path / "model")
    np.save(tmp_path / "x.npy", x)
    code = """
import sys, numpy as np, tensorflow as tf
model, x = tf.saved_model.load("model").signatures, np.load("x.npy")
np.save("log_prob.npy", model["log_prob"](images=tf.constant(x))["log_prob"])
z = model["encode"](images=tf.constant(x))["latents"]
np.save("back.npy", model["decode"](latents=z)["images"])
count, temperature = tf.constant(2), tf.constant(0.7)
one, again, other = (
    model["sample"](count=count, temperature=temperature, seed=tf.constant(seed))["images"] for seed in (1, 1, 2)
)
assert np.all(model["log_prob"](images=tf.constant(x + 2))["log_prob"] == -np.inf)
try:
    model["encode"](images=tf.constant(x + 2))
    sys.exit("encodes what has no latents")
except tf.errors.InvalidArgumentError as error:
    assert "encode: expected images in [0, 1)" in str(error)
assert one.shape == (2, 16, 16, 3) and np.array_equal(one, again) and not np.array_equal(one, other)
assert not [name for name in sys.modules if name.startswith(("flowconv", "horovod", "tensorflow_probability"))]
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment())
    np.testing.assert_allclose(np.load(tmp_path / "log_prob.npy"), expected, rtol=1e-5)
    np.testing.assert_allclose(np.load(tmp_path / "back.npy"), x, atol=1e-4)
    with pytest.raises(UserError, match=r"--output=.*holds something"):
        export(run.flow, tmp_path / "model")


def test_the_report_needs_nothing_else(finished_run, run, tmp_path):
    text = write_report(run.workdir, tmp_path / "report.html").read_text()
    assert text.count("<img") >= 3 and text.count("data:image/png;base64,") == text.count("<img")
    assert not re.search(r"(src|href)=['\"](?!data:)", text)
    results = json.loads((finished_run[0] / "results.json").read_text())
    for part in (f"{results['test_bits_per_dim']:.4f}", "model.depth", "photos/16x16", "curve"):
        assert part in text


def test_scripts_on_a_run(finished_run, tmp_path):
    """Each as its --help shows it."""
    workdir = f"--workdir={finished_run[0]}"
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(3):
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (30, 20, 3), np.uint8)).save(
            photos / f"{number}.png"
        )
    (photos / "labels.csv").write_text("0.png,1\n1.png,0\n2.png,1\n")
    output = f"--output={tmp_path / 'out'}"
    for script, arguments, files in (
        ("sample", ["--count=4", "--temperatures=0.7", output], ["samples-0.7.png"]),
        ("sample", ["--count=3", "--temperatures=1", "--files", output], ["samples-1/000002.png"]),
        ("reconstruct", [f"--images={photos}", output], ["reconstruction.png"]),
        ("interpolate", [f"--images={photos}/0.png,{photos}/1.png", output], ["interpolation.png"]),
        ("manipulate", [f"--labels={photos}/labels.csv", f"--images={photos}", output], ["manipulation.png"]),
        ("score", [f"--images={photos}", output], ["scores.csv", "oddest.png"]),
        ("export", [f"--output={tmp_path / 'model'}"], ["../model/saved_model.pb"]),
        ("report", [f"--output={tmp_path / 'report.html'}"], ["../report.html"]),
    ):
        result = launch(f"scripts/{script}.py", workdir, *arguments)
        assert result.returncode == 0, result.stderr
        for file in files:
            assert (tmp_path / "out" / file).stat().st_size > 100, (script, file)
    assert len((tmp_path / "out" / "scores.csv").read_text().splitlines()) == 4


SCRIPTS = ["sample", "reconstruct", "interpolate", "manipulate", "score", "export", "report"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_refuse_what_is_no_run(script, tmp_path):
    for arguments, line in (([], "--workdir is missing"), ([f"--workdir={tmp_path}/none"], "holds no run")):
        extra = ["--output=x"] if script == "export" else []
        result = launch(f"scripts/{script}.py", *arguments, *extra)
        assert result.returncode == 2 and line in result.stderr and len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("script", "argument", "line"),
    [
        ("sample", "--temperatures=0.7,hot", "--temperatures=0.7,hot: must be numbers of at least 0"),
        ("sample", "--count=0", "--count"),
        ("interpolate", "--images=one.png", "--images=one.png: must be two or more files"),
        ("manipulate", "--strengths=", "--strengths=: must be numbers"),
    ],
)
def test_scripts_refuse_bad_flags(script, argument, line):
    result = launch(f"scripts/{script}.py", "--workdir=x", argument)
    assert result.returncode == 2 and line in result.stderr and len(result.stderr.strip().splitlines()) == 1
