"""Every stage of a program that may take long is told of: stages are passes, tracing, loading, drawing and saving."""

import contextlib

import numpy as np
import pytest
from PIL import Image

from flowconv.utils import progress_bar
from tests.programs import run_here
from tests.runs import FULL, SMALL, in_full, overrides

OF_A_RUN = {
    "sample": ["loading", "sampling: 1/1 batches"],
    "score": ["loading", "reading --images: 2/2 images", "scoring"],
    "reconstruct": ["loading", "encoding and decoding"],
    "interpolate": ["loading", "interpolating"],
    "export": ["loading", "tracing: 4/4 functions", "writing"],
    "evaluate": [
        "building the model",
        "test: ",
        "test, averaged weights: ",
        "test, reconstruction: ",
        "condition numbers",
        "sampling: 1/1 batches",
        "features of samples and images",
        "drawing: 2/2 pictures",
    ],
    "fold": ["building both models", "test, as it is: ", "test, folded: "],
}
FLAGS = {
    "sample": ["--count=2", "--temperatures=1"],
    "score": ["--images=IMAGES"],
    "reconstruct": ["--count=2"],
    "interpolate": ["--images=IMAGES", "--steps=2"],
    "evaluate": ["--compared=5"],
}


@pytest.fixture(autouse=True)
def told(monkeypatch):
    """Each stage is told of once, at its end, however short it is."""

    @contextlib.contextmanager
    def once(act, interval):
        yield
        act()

    monkeypatch.setattr(progress_bar, "_now_and_then", once)


def missing(stages, text):
    lines = text.splitlines()
    return [stage for stage in stages if not any(line.startswith(stage) for line in lines)]


@pytest.mark.parametrize("program", [name for name in OF_A_RUN if FULL or name != "export"])
def test_the_stages_of_a_program_that_takes_a_run(program, finished_run, tmp_path, capsys):
    for name in ("a", "b"):
        pixels = np.random.default_rng(len(name)).integers(0, 256, (16, 16, 3), np.uint8)
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / f"images/{name}.png")
    flags = [flag.replace("IMAGES", str(tmp_path / "images")) for flag in FLAGS.get(program, [])]
    run_here(f"scripts/{program}.py", f"--workdir={finished_run[0]}", f"--output={tmp_path}/out", *flags)
    told = capsys.readouterr().err
    assert not missing(OF_A_RUN[program], told), told


@in_full
def test_the_stages_of_a_training(tmp_path, capsys):
    run_here("train.py", f"--workdir={tmp_path}/run", *overrides(**SMALL))
    stages = ["building the model", "setting the weights", "tracing and compiling the first step", "validation: "]
    stages += ["validation, pictures and condition numbers", "test: ", "drawing"]
    told = capsys.readouterr().err
    assert not missing(stages, told), told


@in_full
def test_the_stages_of_a_comparison(tmp_path, capsys):
    flags = ["--variants=shift", "--seeds=1", "--rounds=1", f"--output={tmp_path}/compared"]
    run_here("scripts/compare.py", *flags, *overrides(**SMALL))
    stages = ["building: 1/1 models", "tracing: 1/1 models", "measuring speeds: 1/1 rounds", "measuring layers"]
    told = capsys.readouterr().err
    assert not missing([*stages, "drawing curves"], told), told
