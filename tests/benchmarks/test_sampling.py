"""Ways of drawing samples from an autoregressive flow, in turns."""

import numpy as np
import pytest

from benchmarks import sampling
from flowconv.bijectors import Autoregressive
from tests.programs import refusal, run_here
from tests.runs import in_full, overrides


@pytest.fixture(scope="module")
def run(tmp_path_factory, cache):
    """Of 16 tokens an image."""
    fields = {"model.name": "tarflow", "model.network": "causal_transformer", "model.patch_size": 4, "model.depth": 2}
    fields |= {"model.width": 8, "model.heads": 2, "model.blocks": 1, "train.images": 64, "data.cache_dir": cache}
    workdir = tmp_path_factory.mktemp("tarflow") / "run"
    run_here("train.py", f"--workdir={workdir}", *overrides(**fields))
    return workdir


@in_full
def test_all_ways_draw_the_same_samples(run):
    original = Autoregressive.solve
    found = sampling.alternated(str(run), rounds=2)
    parts = [f"in {number} parts of the order" for number in (2, 4, 8)]
    assert list(found["ways"]) == [sampling.SEQUENTIAL, sampling.CACHED, sampling.JACOBI, *parts]
    assert found["steps"] == 16 and found["largest_difference"] < 0.01
    assert found["ways"][sampling.SEQUENTIAL]["times_as_fast"] == 1.0
    assert all(len(way["rounds"]) == 2 and way["images_per_second"] > 0.0 for way in found["ways"].values())
    assert Autoregressive.solve is original


def test_images_that_no_way_can_draw_are_told_apart():
    first, other = np.zeros((3, 2, 2, 3)), np.full((3, 2, 2, 3), 0.25)
    assert sampling._agreement(first, [first, other]) == {"largest_difference": 0.25, "not_finite": 0}
    first[1, 0, 0, 0] = np.nan
    assert sampling._agreement(first, [first, other]) == {"largest_difference": None, "not_finite": 1}
    other[1] = np.nan
    assert sampling._agreement(first, [first, other]) == {"largest_difference": 0.25, "not_finite": 1}


def test_a_run_is_asked_for(finished_run):
    for flags, message in (
        ([], "error: --workdir is missing: name the folder of a run"),
        (
            [f"--workdir={finished_run[0]}"],
            "holds a run of model.name=glow; samples are measured of one of maf or tarflow",
        ),
        ([f"--workdir={finished_run[0]}", "--parts=speed"], ": is used with --parts=sampling"),
    ):
        flags += [] if "--parts=speed" in flags else ["--parts=sampling"]
        assert message in refusal("scripts/benchmark.py", *flags)
