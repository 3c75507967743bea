"""What one does with a trained flow."""

import contextlib
import csv
import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import flowconv
from flowconv.bijectors import Repeated
from flowconv.cli import ending
from flowconv.config import default_config
from flowconv.data import first_of
from flowconv.errors import UserError
from flowconv.evaluation import pictures
from flowconv.files import write_json
from flowconv.inference import interpolation, load, sampling, scoring
from flowconv.inference.html_report import write_report
from flowconv.inference.load import load_run
from flowconv.inference.saved_model import export
from flowconv.inference.score_table import ScoreTable
from flowconv.models import build_flow, build_model
from flowconv.training import train as training
from flowconv.words import printable
from flowconv.workdir import Workdir
from tests.programs import Ended, refusal, run_here
from tests.runs import FULL, environment, in_full, launch, parametrized


@pytest.fixture(scope="module")
def run(finished_run):
    return load_run(finished_run[0])


def test_loads_the_better_weights(finished_run, run):
    results = json.loads((finished_run[0] / "results.json").read_text())
    expected = results["test_bits_per_dim_ema" if results["better_weights"] == "averaged" else "test_bits_per_dim"]
    flow = flowconv.load(finished_run[0])
    found = scoring.bits_per_dim(flow, run.examples("test"), run.config.evaluation.seed, batch_size=200)
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
    examples = first_of(run.examples("test"), 10)
    whole, parts = (scoring.bits_per_dim(run.flow, examples, 0, batch_size=size) for size in (10, 4))
    np.testing.assert_allclose(whole, parts, atol=1e-5)


@pytest.mark.parametrize("typical", [1, 2], ids=["one", "alike"])
def test_without_two_typical_images_that_differ_there_is_no_oddness(run, typical, monkeypatch):
    """No division by 0: bits/dim alone."""
    examples = first_of(run.examples("test"), 3)
    monkeypatch.setattr(scoring, "_scored", lambda scorer, examples, *_: np.full(len(examples["image"]), 4.0))
    scores = scoring.score(run.flow, examples, scoring.typical_of(run.flow, first_of(examples, typical), 0), 0)
    assert scores.oddness is None and np.all(scores.bits_per_dim == 4.0)
    found = scoring.detect(run.flow, examples, 3 - typical, 0)
    assert found["noise"].by_oddness is None and found["noise"].by_bits_per_dim == 0.5


def test_what_is_typical_stands_in_the_results(run, monkeypatch):
    """So images are scored where the run's data are gone."""
    own = scoring.bits_per_dim(run.flow, run.examples("test"), run.config.evaluation.seed)
    monkeypatch.setattr(load.data, "load_for_use", lambda *_: pytest.fail("reads data"))
    typical = run.typical(seed=3)
    np.testing.assert_allclose((typical.mean, typical.deviation), (own.mean(), own.std()), atol=1e-5)


@pytest.mark.parametrize(
    "change",
    [
        None,
        "[]",
        pytest.param({"test_bits_per_dim_deviation": None}, marks=in_full),
        pytest.param({"test_bits_per_dim_deviation": float("nan")}, marks=in_full),
        {"test_bits_per_dim": "x", "test_bits_per_dim_ema": "x"},
        pytest.param({"test_bits_per_dim_deviation": 10**400}, marks=in_full),
        {"best_at_images": 80, "test_bits_per_dim": 1.0, "test_bits_per_dim_ema": 1.0},  # of other weights
    ],
)
def test_what_is_typical_is_measured_where_the_results_lack_it(run, tmp_path, change):
    """As of runs of the first version."""
    workdir = Workdir(tmp_path)
    if isinstance(change, dict):
        write_json(workdir.results, json.loads(run.workdir.results.read_text()) | change)
    elif change:
        workdir.results.write_text(change)
    found = dataclasses.replace(run, workdir=workdir).typical(seed=3)
    own = scoring.bits_per_dim(run.flow, run.examples("test"), 3)
    np.testing.assert_allclose((found.mean, found.deviation), (own.mean(), own.std()), atol=1e-5)


def test_interpolation_takes_two_images(run):
    with pytest.raises(ValueError, match="takes two images or more, got 1"):
        interpolation.interpolate(run.flow, run.images("test")[:1], steps=4)


DRAWN = {
    "sample": lambda flow, images: sampling.sample(flow, 3, 0.7, 0, batch_size=4),
    "interpolate": lambda flow, images: interpolation.interpolate(flow, images, 3),
    "manipulate": lambda flow, images: interpolation.manipulate(flow, images, flow.encode(images[:1] / 256.0), [0.0]),
    "sample_sheet": lambda flow, images: pictures.sample_sheet(flow, 4, 0.7, 0, {}).drawn(),
    "reconstruct": lambda flow, images: pictures.reconstruct(flow, {"image": images})[1],
    "reconstruction_sheet": lambda flow, images: pictures.reconstruction_sheet(
        *pictures.reconstruct(flow, {"image": images})
    ).images[4:],  # the errors
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_images_that_are_not_finite_are_told(run, draw, monkeypatch, capsys):
    """And drawn as what no image is, not as black ones."""
    images = run.images("test")[:2]
    capsys.readouterr()  # where they were read
    draw(run.flow, images)
    assert not capsys.readouterr().err
    decode = run.flow.decode
    overflow = tf.constant([np.nan] + [0.0] * 100)

    def overflowing(latents, *given):
        return decode(latents, *given) + overflow[: tf.shape(latents[0])[0], None, None, None]

    monkeypatch.setattr(run.flow, "decode", overflowing)
    drawn = draw(run.flow, images)
    assert re.search(
        r"^warning: 1 of \d images aren't finite: drawn as checkerboards$", capsys.readouterr().err.strip()
    )
    assert np.any(np.all(drawn == (255, 0, 255), axis=-1))


def test_noise_is_odd(run):
    examples = run.examples("test")
    typical = scoring.typical_of(run.flow, first_of(examples, 200), 0)
    noise = np.random.default_rng(0).integers(0, 256, (50, 16, 16, 3), np.uint8)
    both = (noise, examples["image"][200:250])
    odd, own = (scoring.score(run.flow, {"image": images}, typical, 0) for images in both)
    assert scoring.area_under_curve(odd.bits_per_dim, own.bits_per_dim) > 0.9
    assert scoring.area_under_curve(np.arange(4), np.arange(4)) == 0.5
    assert scoring.area_under_curve(np.ones(3), np.zeros(2)) == 1.0


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    """The SavedModel that the program writes of a run."""
    folder = tmp_path_factory.mktemp("exported") / "model"
    flags = ["--format=savedmodel", "--precision=float32", f"--output={folder}"]
    run_here("scripts/export.py", f"--workdir={run.workdir.path}", *flags)
    return folder


def test_the_exported_model_needs_tensorflow_alone(run, exported, tmp_path):
    images = run.images("test")[:3]
    x = run.flow.dequantize_midpoint(tf.constant(images)).numpy()
    expected = run.flow.log_prob(x).numpy()
    (tmp_path / "model").symlink_to(exported)
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
    assert text.count("<img") >= 2 and text.count("data:image/png;base64,") == text.count("<img")
    assert not re.search(r"(src|href)=['\"](?!data:)", text)
    results = json.loads((finished_run[0] / "results.json").read_text())
    for part in (f"{results['test_bits_per_dim']:.4f}", "model.depth", "photos/16x16", "Bits/dim (lower", "train.py"):
        assert part in text


FACES = ["--labels=PHOTOS/labels.csv", "--images=PHOTOS"]
USES = [
    ("sample", ["--count=4", "--temperatures=0.7"], ["samples-0.7.png"]),
    ("sample", ["--count=3", "--temperatures=1", "--files"], ["samples-1/000002.png"]),
    ("reconstruct", ["--images=PHOTOS"], ["reconstruction.png"]),
    ("interpolate", ["--images=PHOTOS/0.png,PHOTOS/1.png"], ["interpolation.png"]),
    ("manipulate", FACES, ["manipulation.png"]),
    ("score", ["--images=PHOTOS"], ["scores.csv", "oddest.png"]),
    ("export", [], ["saved_model.pb"]),
    ("report", [], [""]),
    ("evaluate", [], ["evaluation.json"]),
]


RUNS = {f"{use[0]}{len(use[1])}": use for use in USES}


@pytest.mark.parametrize("use", parametrized(RUNS, set(RUNS) - {"export0"}))  # exported is a run above
def test_scripts_on_a_run(use, finished_run, photos, tmp_path, capsys):
    """Each as its --help shows it; what it says is no command to the terminal, whatever files are called."""
    script, arguments, files = use
    hostile = "\x1b]0;title\x07\x9b1m\udce9"
    photos = photos.rename(tmp_path / f"photos{hostile}")
    (photos / f"a.{hostile}").write_text("")
    (photos / "labels.csv").write_text("0.png,1\n1.png,0\n")
    output = tmp_path / f"out{hostile}"
    flags = [f"--workdir={finished_run[0]}", f"--output={output}"]
    flags += [argument.replace("PHOTOS", str(photos)) for argument in arguments]
    if FULL or arguments == USES[0][1]:
        result = launch(f"scripts/{script}.py", *flags)
        assert result.returncode == 0, result.stderr
        said = result.stdout + result.stderr
    else:
        run_here(f"scripts/{script}.py", *flags)
        said = "".join(capsys.readouterr())
    for file in files:
        assert (output / file).stat().st_size > 100, file
    assert all(line.isprintable() for line in said.split("\n")), said
    assert "out\\x1b" in said and ("left out: " in said) == ("--images=PHOTOS" in arguments)
    if script == "score":
        assert len((output / "scores.csv").read_text(errors="surrogateescape").splitlines()) == 3


def tiny_flow(**fields):
    """A flow with random weights that are not those of the start, whose couplings would be the identity."""
    config = default_config()
    small = {"model.levels": 1, "model.depth": 2, "model.width": 4, "data.image_size": 8, **fields}
    config.update_from_flattened_dict(small)
    flow = build_flow(config)
    generator = np.random.default_rng(0)
    for variable in flow.trainable_variables:
        variable.assign_add(0.1 * generator.standard_normal(variable.shape))
    return flow


def test_odd_images_of_all_kinds_are_scored_by_one_trace(monkeypatch):
    """TensorFlow warns of functions that are traced again and again."""
    flow, traced = tiny_flow(), []
    own = flow.bits_per_dim
    monkeypatch.setattr(flow, "bits_per_dim", lambda *given, **named: traced.append(1) or own(*given, **named))
    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 3), np.uint8)
    assert len(scoring.detect(flow, {"image": images}, 4, 0)) == 4
    assert len(traced) == 1


def test_exported_samples_are_those_of_the_base(tmp_path):
    """Of a flow of one level the same as its own; of NICE latents aren't normal."""
    settings = {"network": "mlp", "preprocessing": "centre"}
    flow = build_model("nice_original", (4, 4, 1), depth=2, width=4, **settings)
    flow.reset_weights()
    export(flow, tmp_path / "model")
    model = tf.saved_model.load(str(tmp_path / "model"))
    given = {"count": tf.constant(3), "temperature": tf.constant(0.7), "seed": tf.constant(5)}
    found = model.signatures["sample"](**given)["images"]
    np.testing.assert_allclose(found, flow.sample(3, 0.7, seed=5), atol=1e-5)


PRECISIONS = ("float32", "bfloat16", "float64") if FULL else ("float32",)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("backward", ["invert", "recompute", "store"] if FULL else ["invert"])
def test_exports_whatever_it_was_trained_with(backward, precision, tmp_path, caplog):
    """And its gradients, too. It is loaded without a warning."""
    flow = tiny_flow(**{"model.backward": backward, "model.precision": precision})
    x = tf.random.stateless_uniform([3, 8, 8, 3], [0, 0], 0.1, 0.9, flow.compute_dtype)
    export(flow, tmp_path / "model")
    caplog.clear()  # of what saving says
    model = tf.saved_model.load(str(tmp_path / "model"))  # which holds the variables of its functions
    assert not caplog.records
    exported = model.signatures["log_prob"]

    def value_and_gradient(function):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        return value, tape.gradient(value, x)

    value, gradient = value_and_gradient(lambda x: exported(images=x)["log_prob"])
    expected_value, expected_gradient = value_and_gradient(flow.log_prob)
    np.testing.assert_allclose(value, expected_value, rtol=1e-5)
    scale = np.abs(expected_gradient).max()
    np.testing.assert_allclose(
        gradient / scale, expected_gradient / scale, atol=0.1 if precision == "bfloat16" else 1e-4
    )
    kept = {layer.backward for layer in flow._flatten_layers() if isinstance(layer, Repeated)}
    assert kept == {backward}


@pytest.mark.parametrize(
    ("error", "was_there"),
    [(OSError(28, "No space left on device"), False), (tf.errors.InternalError(None, None, "broken"), True)],
)
def test_an_export_that_fails_leaves_nothing(error, was_there, tmp_path, monkeypatch):
    folder = tmp_path / "model"
    if was_there:
        folder.mkdir()

    def save(module, path, **_):
        Path(path).mkdir(exist_ok=True)
        (Path(path) / "half").write_text("")
        raise error

    monkeypatch.setattr(tf.saved_model, "save", save)
    with pytest.raises(UserError, match=r"^--output=.*model: can't be written"):
        export(tiny_flow(), folder)
    assert folder.exists() == was_there and not (was_there and list(folder.iterdir()))


@pytest.mark.parametrize("typical", [1, 3])
def test_alike_images_say_nothing_of_what_is_typical(typical, monkeypatch):
    """One, or several whose bits/dim agree."""
    monkeypatch.setattr(scoring, "_scored", lambda scorer, examples, *_: np.full(len(examples["image"]), 3.5))
    examples = {"image": np.zeros((4, 8, 8, 3), np.uint8)}
    assert scoring.score(None, examples, scoring.typical_of(None, first_of(examples, typical), 0), 0).oddness is None
    found = scoring.detect(None, examples, 1, 0)
    assert {kind: each.by_oddness for kind, each in found.items()} == dict.fromkeys(
        ("own", "noise", "flat", "inverted")
    )


NAMES = ["a.png", "=1+1.png", "+a.png", "-a.png", "@a.png", "a,b.png", "a\nb.png", os.fsdecode(b"caf\xe9.png")]


def test_scores_name_any_file_and_hold_no_formula(tmp_path):
    images = [Path(name) for name in NAMES]
    table = ScoreTable(tmp_path / "scores.csv")
    table.write(images, scoring.Scores(np.arange(8.0), None), np.arange(8))
    with table.path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["path"]) for row in rows] == images
    assert not any(row["path"].startswith(("=", "+", "-", "@")) for row in rows)
    assert {row["oddness"] for row in rows} == {""} and rows[3]["bits_per_dim"] == "3.00000"
    for again in (images, images[:1], [*images[:1], Path("new.png")]):
        table.check(again)
    with pytest.raises(UserError, match=r"^--output=.*: holds scores.csv of other images; name another folder$"):
        table.check([Path("other/a.png")])


@pytest.mark.parametrize("sequence", ["\x1b[31mred", "\x1b]0;title\x07", "\r", "\x9b1m", os.fsdecode(b"caf\xe9")])
def test_a_name_is_no_command_to_the_terminal(sequence, capsys):
    with pytest.raises(SystemExit):
        monkeypatched_end(f"error: --images={sequence}.png")
    assert printable(sequence).isprintable() and capsys.readouterr().err.strip().isprintable()
    assert printable("Ünï ≥ 図.png") == "Ünï ≥ 図.png"


def monkeypatched_end(line):
    """`ending.end` as in a process without Horovod."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(sys.modules, "horovod", raising=False)
        ending.end(line, 2)


@pytest.fixture
def photos(tmp_path):
    """A folder of two images."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 256, (30, 20, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def test_what_would_be_lost_is_refused_before_the_work(finished_run, photos, tmp_path, monkeypatch):
    """Nothing is loaded: that is what takes long."""
    workdir = f"--workdir={finished_run[0]}"
    (tmp_path / "out/samples-1").mkdir(parents=True)
    (tmp_path / "out/samples-1/000000.png").write_text("")
    (tmp_path / "out/scores.csv").write_text("path,bits_per_dim,oddness\nother.png,3,1\n")
    monkeypatch.setattr(load, "load_run", None)
    for script, arguments, line in (
        ("sample", ["--files", "--temperatures=0.5,1"], "out/samples-1: holds something; name a folder that is empty"),
        ("score", [f"--images={photos}"], "out: holds scores.csv of other images; name another folder"),
        ("export", [], "out: holds something; name a folder that is empty or not there"),
        ("report", [], "out: is a folder; name a file"),
    ):
        with pytest.raises(Ended, match=line) as ended:
            run_here(f"scripts/{script}.py", workdir, f"--output={tmp_path}/out", *arguments)
        assert ended.value.status == 2
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {
        "0.png",
        "1.png",
        "000000.png",
        "scores.csv",
    }


OTHERS = ["reconstruct", "interpolate", "manipulate"] if FULL else []


@pytest.mark.parametrize("script", ["sample", "score", "evaluate", *OTHERS])
def test_another_users_run_is_read_and_results_go_elsewhere(script, finished_run, photos, tmp_path, monkeypatch):
    """On its own a run that can't be written is refused before the work, with the flag that helps."""

    def refuse(*_, dir=None, **__):
        if dir and Path(dir).is_relative_to(finished_run[0]):
            raise OSError(13, "Permission denied")
        return contextlib.nullcontext()

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    arguments = {"score": [f"--images={photos}"], "manipulate": [f"--positive={photos}", f"--negative={photos}"]}
    command = [f"scripts/{script}.py", f"--workdir={finished_run[0]}", *arguments.get(script, [])]
    with monkeypatch.context() as patch:
        patch.setattr(load, "load_run", None)
        patch.setattr(training, "load_data", None)
        with pytest.raises(
            Ended, match=r"can't be written \(Permission denied\); --output=PATH takes results elsewhere"
        ):
            run_here(*command)
    before = snapshot(finished_run[0])
    run_here(*command, f"--output={tmp_path}/out")
    assert snapshot(finished_run[0]) == before and list((tmp_path / "out").iterdir())


def snapshot(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_one_image_is_no_way(finished_run, photos, tmp_path, monkeypatch):
    command = ["scripts/interpolate.py", f"--workdir={finished_run[0]}", f"--output={tmp_path}/out"]
    with pytest.raises(Ended, match=r"^error: --images=.*0.png: is one image; name two or more files, or folders"):
        run_here(*command, f"--images={photos}/0.png")
    monkeypatch.setattr(load.Run, "images", lambda run: np.zeros((1, 16, 16, 3), np.uint8))
    monkeypatch.setattr(load.Run, "examples_of", lambda run, flag, given, most: {"image": run.images()})
    with pytest.raises(Ended, match=r"^error: --images is missing: the run's test split has one image; name two"):
        run_here(*command)


def test_data_that_moved_are_named_by_a_flag_of_the_program(finished_run, photos, tmp_path):
    """Of a run on a folder that is no longer where it was; without its data a flow is loaded all the same."""
    moved = tmp_path / "moved"
    shutil.copytree(finished_run[0], moved)
    config = json.loads((moved / "config.json").read_text())
    config["data"] |= {"name": "folder", "dir": str(tmp_path / "gone")}
    (moved / "config.json").write_text(json.dumps(config))
    flowconv.load(moved)
    images = [f"--images={photos}", f"--output={tmp_path}/out"]
    for script, arguments in (
        ("score", ["--check=1"]),
        ("reconstruct", images[1:]),
        ("interpolate", images[1:]),
        ("evaluate", images[1:]),
    ):
        with pytest.raises(Ended, match=rf"^error: --data_dir={tmp_path}/gone is not a folder; name the one"):
            run_here(f"scripts/{script}.py", f"--workdir={moved}", *arguments)
    run_here("scripts/score.py", f"--workdir={moved}", *images)  # what is typical stands in the results
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(photos / "2.png")
    with pytest.raises(Ended, match=rf"^error: --data_dir={tmp_path}/none is not a folder"):
        run_here("scripts/score.py", f"--workdir={moved}", *images, f"--data_dir={tmp_path}/none")
    run_here("scripts/reconstruct.py", f"--workdir={moved}", f"--data_dir={photos}", f"--output={tmp_path}/out")


SCRIPTS = ["sample", "reconstruct", "interpolate", "manipulate", "score", "export", "report"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_refuse_what_is_no_run(script, tmp_path):
    for arguments, line in (([], "--workdir is missing"), ([f"--workdir={tmp_path}/none"], "holds no run")):
        extra = ["--output=x"] if script == "export" else []
        with pytest.raises(Ended, match=line) as ended:
            run_here(f"scripts/{script}.py", *arguments, *extra)
        assert ended.value.status == 2 and "\n" not in str(ended.value)


@pytest.mark.parametrize(
    ("script", "argument", "line"),
    [
        ("sample", "--temperatures=0.7,hot", "--temperatures=0.7,hot: must be numbers of at least 0"),
        ("sample", "--count=0", "--count"),
        ("manipulate", "--strengths=", "--strengths=: must be numbers"),
    ],
)
def test_scripts_refuse_bad_flags(script, argument, line):
    assert line in refusal(f"scripts/{script}.py", "--workdir=x", argument)
