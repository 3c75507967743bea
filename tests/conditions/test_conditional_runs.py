"""Runs of conditional flows through the programs: one of two classes, one of small images."""

import csv
import json
import types

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy.special import logsumexp

from flowconv.evaluation import Evaluator
from flowconv.inference import conditions, interpolation, load, scoring
from flowconv.workdir import Workdir
from tests.programs import Ended, run_here
from tests.runs import SMALL, TINY, in_full, saved_variables

SIZE = 8
FIELDS = {**TINY, **SMALL, "data.name": "folder", "data.image_size": SIZE, "train.images": 64, "data.patches": True}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder of bright and of dark images, in two sub-folders."""
    folder = tmp_path_factory.mktemp("conditional") / "images"
    generator = np.random.default_rng(0)
    for number in range(40):
        dark = number % 2
        path = folder / ("bright", "dark")[dark] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        low = 0 if dark else 128
        Image.fromarray(generator.integers(low, low + 128, (SIZE, SIZE, 3), np.uint8)).save(path)
    return folder


@pytest.fixture(scope="module")
def train(images, cache):
    """Trains into a folder beside the images; returns it."""

    def train(name, **fields):
        fields = FIELDS | {"data.dir": images, "data.cache_dir": cache} | fields
        flags = [f"--config.{field}={value}" for field, value in fields.items()]
        run_here("train.py", f"--workdir={images.parent / name}", *flags)
        return images.parent / name

    return train


@pytest.fixture(scope="module")
def of_classes(train):
    return train("classes", **{"model.condition": "class"})


@pytest.fixture(scope="module")
def of_small_images(train):
    return train("small", **{"model.condition": "low_resolution"})


def test_classes_are_those_of_the_data(of_classes):
    saved = json.loads((of_classes / "config.json").read_text())["model"]
    assert (saved["condition"], saved["classes"]) == ("class", 2)
    results = json.loads((of_classes / "results.json").read_text())
    with_labels = results["test_bits_per_dim_ema" if results["better_weights"] == "averaged" else "test_bits_per_dim"]
    worth = results["test_bits_per_dim_without_labels"] - with_labels
    np.testing.assert_allclose(results["test_bits_per_dim_of_labels"], worth, atol=1e-9)
    assert worth <= 1 / (SIZE * SIZE * 3) + 1e-9 and 0.0 <= results["test_accuracy"] <= 1.0


@in_full
def test_a_comparison_of_conditions(images, cache, tmp_path, capsys):
    """Of classes, of small images and of none; finished runs are taken as they are."""
    fields = FIELDS | {"data.dir": images, "data.cache_dir": cache, "train.images": 16}
    flags = [f"--config.{field}={value}" for field, value in fields.items()]
    flags += ["--variants=nice:condition=class,nice:condition=low_resolution,nice", "--seeds=1", "--rounds=1"]
    for trained in (True, False):
        run_here("scripts/compare.py", f"--output={tmp_path}", "--nolayers", *flags)
        assert ("everything goes to" in capsys.readouterr().out) == trained
    with (tmp_path / "table.csv").open() as file:
        bits = {row["variant"]: float(row["bits_per_dim_mean"]) for row in csv.DictReader(file)}
    assert len(set(bits.values())) == 3 and all(5 < value < 9 for value in bits.values())


@in_full
def test_a_run_of_classes_goes_on_bit_for_bit(of_classes, train):
    part = train("part", **{"model.condition": "class", "train.images": 32})
    whole = saved_variables(train("part", **{"model.condition": "class"}))
    expected = saved_variables(of_classes)
    assert part.exists() and any("embedding" in name for name in expected)
    for name, value in expected.items():
        if "seconds" not in name:
            np.testing.assert_array_equal(whole[name], value, name)


def test_bits_without_labels_are_those_of_the_mixture(of_classes):
    run = load.load_run(of_classes)
    examples = run.examples("test")
    found = Evaluator(run.flow, batch_size=3, seed=5).classification(examples)
    x = run.flow.dequantize(examples["image"], 5)
    logs = np.stack([run.flow.log_prob(x, np.full(len(x), label)) for label in range(2)]).astype(np.float64)
    expected = run.flow.to_bits_per_dim(tf.constant(logsumexp(logs, axis=0) - np.log(2)))
    np.testing.assert_allclose(found["bits_per_dim"], np.mean(expected), rtol=1e-5)
    assert found["accuracy"] == np.mean(logs.argmax(0) == examples["label"])


def test_samples_of_classes(of_classes, tmp_path, capsys):
    run_here("scripts/sample.py", f"--workdir={of_classes}", f"--output={tmp_path}", "--temperatures=0,0.7")
    for temperature, size in ((0, "1 x 2"), (0.7, "2 x 8")):  # an image, or a row, for each of two classes
        with Image.open(tmp_path / f"samples-{temperature}.png") as grid:
            assert grid.text["grid"].startswith(f"{size} images of {SIZE} x {SIZE}")
    run_here("scripts/sample.py", f"--workdir={of_classes}", f"--output={tmp_path}", "--count=6", "--temperatures=0.7")
    with Image.open(tmp_path / "samples-0.7.png") as grid:
        assert grid.text["grid"].startswith(f"2 x 3 images of {SIZE} x {SIZE}")
    for given in ("dark", "1"):
        run_here(
            "scripts/sample.py", f"--workdir={of_classes}", f"--output={tmp_path}", f"--class={given}", "--count=2"
        )
        assert "samples-0.7-class-1.png" in capsys.readouterr().out
        with Image.open(tmp_path / "samples-0.7-class-1.png") as grid:
            assert grid.text["class"] == "dark" and grid.text["Title"].endswith(", class dark")
    for flag, right in (
        ("--class=drak", r"must be a class of the run, .* from 0 to 1 \(did you mean dark\?\)"),
        ("--class=2", "must be a class of the run, by its name or as a number from 0 to 1"),
        ("--images=x", "is used with runs of model.condition=low_resolution, not class"),
    ):
        with pytest.raises(Ended, match=f"{flag}: {right}"):
            run_here("scripts/sample.py", f"--workdir={of_classes}", flag)


def test_small_images_are_enlarged(of_small_images, images, tmp_path):
    arguments = [f"--workdir={of_small_images}", f"--output={tmp_path}", "--temperatures=0.5"]
    run_here("scripts/sample.py", *arguments, f"--images={images}/dark", "--count=2")
    with Image.open(tmp_path / "samples-0.5.png") as grid:  # small, sample, original, of each image a row
        assert grid.text["grid"].startswith(f"2 x 3 images of {SIZE} x {SIZE}")
    with pytest.raises(Ended, match=r"--class=dark: is used with runs of model.condition=class, not low_resolution"):
        run_here("scripts/sample.py", f"--workdir={of_small_images}", "--class=dark")
    results = json.loads((of_small_images / "results.json").read_text())
    assert "test_accuracy" not in results and np.isfinite(results["test_bits_per_dim"])


def test_evaluation_without_the_passes_over_classes(of_classes, tmp_path):
    run_here("scripts/evaluate.py", f"--workdir={of_classes}", f"--output={tmp_path}", "--noclassify")
    assert "test_accuracy" not in json.loads((tmp_path / "evaluation.json").read_text())


@pytest.mark.parametrize("name", ["of_classes", pytest.param("of_small_images", marks=in_full)])
def test_an_exported_flow_takes_the_condition(name, tmp_path, request):
    workdir = request.getfixturevalue(name)
    run_here("scripts/export.py", f"--workdir={workdir}", f"--output={tmp_path}/saved")
    run = load.load_run(workdir)
    examples = run.examples("test")
    x, condition = run.flow.dequantize_midpoint(examples["image"]), run.flow.condition_of(examples)
    signatures = tf.saved_model.load(f"{tmp_path}/saved").signatures
    found = signatures["log_prob"](images=x, condition=condition)["log_prob"]
    np.testing.assert_allclose(found, run.flow.log_prob(x, condition), rtol=1e-4)
    latents = signatures["encode"](images=x, condition=condition)["latents"]
    np.testing.assert_allclose(signatures["decode"](latents=latents, condition=condition)["images"], x, atol=1e-3)


def test_labels_that_are_not_there_are_refused(train, images):
    flat = images.parent / "flat"
    flat.mkdir()
    for path in list(images.rglob("*.png"))[:8]:
        (flat / path.name).write_bytes(path.read_bytes())
    with pytest.raises(Ended, match=r"condition=class: data.name=folder has no labels: put the images of each class"):
        train("flat_run", **{"model.condition": "class", "data.dir": flat})
    with pytest.raises(Ended, match="classes=1: folder has 2 classes"):
        train("few_run", **{"model.condition": "class", "model.classes": 1})


@pytest.mark.parametrize("name", ["of_classes", "of_small_images"])
def test_walks_between_images_begin_and_end_at_them(name, request, images, tmp_path):
    """Under the condition of each."""
    workdir = request.getfixturevalue(name)
    run = load.load_run(workdir)
    examples = {key: value[:3] for key, value in run.examples("test").items()}
    condition = np.asarray(run.flow.condition_of(examples))
    assert len(np.unique(condition, axis=0)) > 1
    (first, second) = interpolation.interpolate(run.flow, examples["image"], 5, condition)
    for row, number in ((first, 0), (second, 1)):
        for place, there in ((0, number), (-1, number + 1)):
            assert np.max(np.abs(row[place].astype(int) - examples["image"][there])) <= 1
    wrong = interpolation.interpolate(run.flow, examples["image"], 5, np.roll(condition, 1, 0))[0]  # the control
    assert np.any(wrong[2] != first[2])
    flags = [f"--workdir={workdir}", f"--output={tmp_path}", "--steps=4"]
    run_here("scripts/interpolate.py", *flags)
    files = sorted((images / "dark").glob("*.png"))[:2] + sorted((images / "bright").glob("*.png"))[:1]
    flags.append(f"--images={','.join(map(str, files))}")
    run_here("scripts/interpolate.py", *flags, *(["--class=dark,dark,bright"] if name == "of_classes" else []))
    with Image.open(tmp_path / "interpolation.png") as grid:
        assert grid.text["grid"].startswith(f"2 x 4 images of {SIZE} x {SIZE}")


@pytest.mark.parametrize("name", ["of_classes", "of_small_images"])
def test_attributes_are_changed_under_the_condition(name, request, images, tmp_path):
    workdir = request.getfixturevalue(name)
    run = load.load_run(workdir)
    examples = {key: value[:4] for key, value in run.examples("test").items()}
    condition = run.flow.condition_of(examples)
    both = examples["image"][:2], examples["image"][2:]
    direction = interpolation.attribute_direction(run.flow, *both, 1, (condition[:2], condition[2:]))
    latents = run.flow.encode(run.flow.dequantize_midpoint(examples["image"]), condition)
    for found, z in zip(direction, latents, strict=True):
        np.testing.assert_allclose(found, np.mean(z[:2], axis=0) - np.mean(z[2:], axis=0), atol=1e-4)
    moved = interpolation.manipulate(run.flow, examples["image"], direction, [0.0, 1.0], condition)
    assert np.max(np.abs(moved[:, 0].astype(int) - examples["image"])) <= 1 and np.any(moved[:, 1] != moved[:, 0])
    flags = [f"--positive={images}/dark", f"--negative={images}/bright", f"--output={tmp_path}", "--count=2"]
    run_here("scripts/manipulate.py", f"--workdir={workdir}", *flags, *(["--class=1"] if name == "of_classes" else []))
    assert (tmp_path / "manipulation.png").exists()
    if name == "of_classes":
        with pytest.raises(Ended, match=r"^error: --class is missing: name the class of the images that flags name"):
            run_here("scripts/manipulate.py", f"--workdir={workdir}", *flags)


@pytest.fixture
def files(images):
    return ",".join(str(path) for kind in ("dark", "bright") for path in sorted((images / kind).glob("*.png"))[:2])


def test_images_are_scored_given_their_class(of_classes, files, tmp_path):
    """The class of each, or one of all."""
    run = load.load_run(of_classes)

    def scores(given):
        flags = [f"--workdir={of_classes}", f"--images={files}", f"--output={tmp_path}", f"--class={given}"]
        run_here("scripts/score.py", *flags)
        rows = csv.DictReader((tmp_path / "scores.csv").read_text().splitlines())
        return {row["path"]: float(row["bits_per_dim"]) for row in rows}

    def expected(given):
        paths, pixels = load.read_images("images", files, run.config.data)
        labels = np.array([("bright", "dark").index(each) for each in given], np.int32)
        bits = scoring.bits_per_dim(run.flow, {"image": pixels, "label": labels}, 0)
        return {str(path): bit for path, bit in zip(paths, bits, strict=True)}

    right = scores("dark,dark,bright,bright")
    assert right == pytest.approx(expected(["dark", "dark", "bright", "bright"]), abs=1e-3)
    assert scores("dark") == pytest.approx(expected(["dark"] * 4), abs=1e-3)
    assert right != pytest.approx(scores("dark"), abs=1e-3)  # the control


def test_images_come_back_given_their_class(of_classes, files, tmp_path):
    flags = [f"--workdir={of_classes}", f"--images={files}", f"--output={tmp_path}"]
    run_here("scripts/reconstruct.py", *flags, "--class=dark,dark,bright,bright", "--count=3")
    assert (tmp_path / "reconstruction.png").exists()


@pytest.mark.parametrize("program", ["reconstruct", "score"])
def test_a_class_is_asked_for(program, of_classes, files):
    flags = [f"--workdir={of_classes}", f"--images={files}"]
    with pytest.raises(Ended, match=r"^error: --class is missing: name the class of each image of --images"):
        run_here(f"scripts/{program}.py", *flags)
    with pytest.raises(Ended, match=r"^error: --class=dark,dark: must be one class, or one of each of the 4 images"):
        run_here(f"scripts/{program}.py", *flags, "--class=dark,dark")
    with pytest.raises(Ended, match=r"^error: --class=dark: is used with --images"):
        run_here(
            f"scripts/{program}.py", f"--workdir={of_classes}", "--class=dark", *(["--check=1"] * (program == "score"))
        )


@pytest.mark.parametrize(
    ("classes", "count", "each"), [(26, None, 8), (50, None, 8), (1000, None, 1), (26, 520, 20), (26, 1, 1)]
)
def test_each_class_has_as_many_samples_as_there_is_room_for(classes, count, each, tmp_path):
    run = types.SimpleNamespace(
        flow=types.SimpleNamespace(is_conditional=True, condition=types.SimpleNamespace(classes=classes)),
        workdir=Workdir(tmp_path),
    )
    asked = conditions.samples_of(run, None, None, count)
    assert (asked.count, asked.columns, len(asked.rows)) == (classes * each, each, classes)
    assert np.bincount(asked.condition).tolist() == [each] * classes
    one = conditions.samples_of(run, 3, None, None)
    assert one.count == 36 and set(one.condition) == {3} and not one.rows
