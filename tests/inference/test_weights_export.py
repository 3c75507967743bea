"""The folder that export.py --format=weights writes."""

import pytest

from flowconv.errors import Interrupted, UserError
from flowconv.files import read_json, write_json
from flowconv.inference import weights_export
from flowconv.inference.load import Run
from flowconv.models import build_flow
from flowconv.training.results import OF_TRAINING
from flowconv.workdir import Workdir
from flowconv.workdir.checkpoint_folder import CheckpointFolder
from tests.runs import SMALL, config_of

RESULTS = {
    "test_bits_per_dim": 4.125,
    "better_weights": "raw",
    "best_at_images": 320,
    "bits_per_dim_is": "an upper bound",
    "images_trained": 480,
    "seconds": 12.0,
    "parameters": 1234,
    "world_size": 1,
    "versions": {"flowconv": "0.2"},
    "dataset": {"name": "photos", "version": "1.0.0", "train": 8, "validation": 1, "test": 1},
}
OF_OTHERS = RESULTS | {"best_at_images": 160, "test_bits_per_dim": 7.5}


@pytest.fixture(scope="module")
def flow():
    return build_flow(config_of(**SMALL, **{"data.image_size": 8}))


@pytest.fixture
def run(flow, tmp_path):
    """A run that has its best weights after 320 images, and no results."""
    return Run(flow, config_of(**SMALL, **{"data.image_size": 8}), Workdir(tmp_path / "run"), 320)


def card(folder):
    return (folder / "README.md").read_text(encoding="utf-8")


def test_figures_are_those_of_the_weights(run, tmp_path):
    """Of a run that was finished, went on, and was evaluated then: results.json is of the weights before."""
    write_json(run.workdir.results, OF_OTHERS)
    write_json(run.workdir.evaluation, RESULTS)
    weights_export.export(run, tmp_path / "out")
    written = Workdir(tmp_path / "out")
    assert read_json(written.results) == RESULTS
    assert "| bits/dim | 4.125 on the test split" in card(tmp_path / "out")
    assert [path.name for path in CheckpointFolder(written.best_checkpoint, 1).paths()] == ["ckpt-320"]


@pytest.mark.parametrize("results", [None, OF_OTHERS, [3], {"best_at_images": "320"}])
def test_weights_without_figures_of_their_own_are_refused(results, run, tmp_path):
    if results is not None:
        write_json(run.workdir.results, results)
    line = "has no results of its best weights, those after 320 training images: run scripts/evaluate.py first$"
    with pytest.raises(UserError, match=line):
        weights_export.export(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_that_was_only_evaluated_has_a_card(run, tmp_path):
    """As a folded one: how long its training took, and on how many ranks, nobody knows."""
    write_json(run.workdir.evaluation, {name: RESULTS[name] for name in RESULTS if name not in OF_TRAINING})
    weights_export.export(run, tmp_path / "out")
    assert "| trained | on 320 images |" in card(tmp_path / "out")


@pytest.mark.parametrize(
    "damage",
    [
        {"dataset": 3},
        {"dataset": {}},
        {"versions": None},
        {"test_bits_per_dim": "x"},
        {"test_bits_per_dim": 10**400},
        {"parameters": "many"},
    ],
)
def test_damaged_results_are_named_before_anything_is_written(damage, run, tmp_path):
    write_json(run.workdir.results, RESULTS | damage)
    with pytest.raises(UserError, match=r"^--workdir=.*run: its results can't be read: "):
        weights_export.export(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("was_there", [False, True])
@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), UserError("a full disk"), Interrupted("stopped by SIGTERM", 15)]
)
def test_an_export_that_fails_or_is_stopped_leaves_nothing(error, was_there, run, tmp_path, monkeypatch):
    """So the same command can be given again."""
    write_json(run.workdir.results, RESULTS)
    folder = tmp_path / "out"
    if was_there:
        folder.mkdir()

    def fail(*_):
        assert (folder / "config.json").is_file()
        raise error

    with monkeypatch.context() as patch, pytest.raises((UserError, Interrupted)):
        patch.setattr(weights_export, "write_text", fail)
        weights_export.export(run, folder)
    assert folder.exists() == was_there and not (was_there and list(folder.iterdir()))
    weights_export.export(run, folder)
    assert card(folder)
