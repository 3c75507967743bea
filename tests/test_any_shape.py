"""A run of grey images that are no squares, of two classes, through every program."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from tests.programs import run_here
from tests.runs import FULL, SMALL, TINY, in_full

HEIGHT, WIDTH = 8, 12
SHAPE = {**TINY, **SMALL, "data.name": "folder", "data.image_size": f"({HEIGHT},{WIDTH})", "data.channels": 1}
SHAPE |= {"model.levels": 2, "train.images": 32, "data.patches": True}


def config(images):
    return [f"--config.{name}={value}" for name, value in (SHAPE | {"data.dir": images}).items()]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder of larger images in colours and greys, in two sub-folders."""
    folder = tmp_path_factory.mktemp("shape") / "images"
    generator = np.random.default_rng(0)
    for number in range(40):
        pixels = generator.integers(0, 256, (HEIGHT + number % 3, WIDTH + number % 5, 3), np.uint8)
        path = folder / ("bright", "dark")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels if number % 4 else pixels[..., 0]).save(path)
    return folder


@pytest.fixture(scope="module")
def run(images, cache):
    """The workdir of a finished run."""
    workdir = images.parent / "run"
    run_here("train.py", f"--workdir={workdir}", *config(images), f"--config.data.cache_dir={cache}")
    return workdir


def test_is_trained_and_described(run):
    kept, results = (json.loads((run / name).read_text()) for name in ("data.json", "results.json"))
    described = {"image_size": [HEIGHT, WIDTH], "channels": 1, "classes": 2}
    assert described.items() <= kept.items() and described.items() <= results["dataset"].items()
    assert kept["class_names"] == ["bright", "dark"]
    assert {split: sum(counts) for split, counts in kept["label_counts"].items()} == {
        split: kept[split] for split in ("train", "validation", "test")
    }
    assert results["max_reconstruction_error"] < 0.05 and np.isfinite(results["test_bits_per_dim"])
    assert {grid_of(path)[:2] for path in (run / "pictures").glob("samples-temperature-*.png")} == {(2, 2)}


def grid_of(path):
    """The rows and columns of a sheet of images, as it says; they are grey, and of the shape of the run's."""
    with Image.open(path) as picture:
        assert picture.mode == "L"
        told = re.match(rf"(\d+) x (\d+) images of {HEIGHT} x {WIDTH}, enlarged (\d+) times", picture.text["grid"])
        rows, columns, factor = map(int, told.groups())
        assert picture.size[0] >= columns * WIDTH * factor and picture.size[1] >= rows * HEIGHT * factor
        assert picture.text["run"] == "run" and picture.text["step"] == "32"
    return rows, columns


PROGRAMS = {
    "sample": (["--count=6", "--temperatures=0.7"], {"*.png": (2, 3)}),
    "evaluate": (["--samples=2"], {"evaluation.json": None}),
    "reconstruct": (["--count=3"], {"reconstruction.png": (3, 3)}),
    "interpolate": (["--images=IMAGES/dark/1.png,IMAGES/dark/3.png", "--steps=4"], {"interpolation.png": (1, 4)}),
    "manipulate": (
        ["--positive=IMAGES/bright", "--negative=IMAGES/dark", "--count=2", "--strengths=-1,0,1"],
        {"manipulation.png": (2, 3)},
    ),
    "score": (["--images=IMAGES/dark", "--shown=4"], {"scores.csv": None, "oddest.png": (2, 2)}),
    "export": ([], {"saved_model.pb": None}),
    "report": ([], None),
    "fold": ([], {"config.json": None}),
}


@pytest.mark.parametrize("name", [name if name != "export" else pytest.param(name, marks=in_full) for name in PROGRAMS])
def test_every_program_takes_it(name, run, images, tmp_path):
    arguments, files = PROGRAMS[name]
    arguments = [argument.replace("IMAGES", str(images)) for argument in arguments]
    output = tmp_path / ("out" if files else "out.html")
    run_here(f"scripts/{name}.py", f"--workdir={run}", f"--output={output}", *arguments)
    if files is None:
        assert f"<code>data.image_size</code></th><td>({HEIGHT}, {WIDTH})" in output.read_text()
    for pattern, grid in (files or {}).items():
        (path,) = output.glob(pattern)
        assert grid in (None, grid_of(path) if path.suffix == ".png" else None)


def test_odd_images_are_told(run, capsys):
    run_here("scripts/score.py", f"--workdir={run}", "--check=1")
    assert "inverted" in capsys.readouterr().out


def test_programs_that_take_a_config(images, cache, tmp_path, capsys):
    arguments = [*config(images), f"--config.data.cache_dir={cache}"]
    run_here("scripts/doctor.py", f"--workdir={tmp_path}/run", *arguments)
    assert f"folder at {HEIGHT}×{WIDTH} of 1 channel" in capsys.readouterr().out
    run_here("scripts/export_step.py", f"--output={tmp_path}/step", "--batch_size=2", "--programs=sample", *arguments)
    (program,) = json.loads((tmp_path / "step/manifest.json").read_text())["programs"].values()
    assert program["results"][0]["shape"] == [2, HEIGHT, WIDTH, 1]
    if FULL:
        run_here("scripts/compare.py", "--variants=shift", "--seeds=1", f"--output={tmp_path}/compared", *arguments)
