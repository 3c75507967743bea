"""A run of version 0.1, two levels trained for 160 photographs, as that version wrote it."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from flowconv.files import read_json
from flowconv.inference.load import load_run
from flowconv.inference.weights_export import export
from flowconv.training.results import OF_TRAINING
from flowconv.training.train import evaluate, train
from flowconv.training.writers import read_metrics
from flowconv.workdir import Workdir
from tests.runs import saved_variables

KEPT = Path(__file__).parent / "run_of_version_0_1"
SAME = ("test_bits_per_dim", "test_bits_per_dim_ema", "max_condition_number", "better_weights", "parameters")


@pytest.fixture
def workdir(tmp_path):
    """A copy of the run; its newest checkpoint is its best one."""
    path = tmp_path / "run"
    shutil.copytree(KEPT, path)
    shutil.copytree(path / "best", path / "checkpoints")
    return Workdir(path)


def test_it_evaluates_to_the_figures_it_had(workdir, cache):
    found, kept = evaluate(workdir.path, {"data.cache_dir": cache}), read_json(workdir.results)
    for name in SAME:
        assert found[name] == (pytest.approx(kept[name], rel=1e-6) if isinstance(kept[name], float) else kept[name])
    assert found["dataset"].items() >= kept["dataset"].items()
    assert found["changed_pixels"] == 0 and found.keys() > kept.keys() - set(OF_TRAINING)


def test_it_trains_on(workdir, cache):
    before, rows = saved_variables(workdir.path), read_metrics(workdir.metrics)
    config = workdir.load_config()
    config.train.images, config.data.cache_dir = 192, cache
    results = train(config, workdir.path)
    assert results["images_trained"] == 192
    assert read_metrics(workdir.metrics)[: len(rows)] == rows
    after = saved_variables(workdir.path)
    slots = {name: value for name, value in before.items() if name.endswith("_velocity")}
    assert len(slots) == 35
    for name, slot in slots.items():  # two steps forget little of it: (1 − β₂)² of a mean of squares
        assert np.all(after[name] >= 0.997 * slot), name
    assert after["optimizer/adam.Siteration"] == before["optimizer/adam.Siteration"] + 2


def test_its_weights_are_exported(tmp_path):
    """Its results say nothing of what its bits/dim are."""
    run, folder = load_run(KEPT), tmp_path / "out"
    export(run, folder)
    assert "| bits/dim | 7.209 on the test split |" in (folder / "README.md").read_text()
    for variable, exported in zip(run.flow.variables, load_run(folder).flow.variables, strict=True):
        np.testing.assert_array_equal(exported, variable)
