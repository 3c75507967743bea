"""The folder that export.py --format=weights writes."""

import pytest

from flowconv.errors import UserError
from flowconv.files import read_json, write_json
from flowconv.inference import weights_export
from flowconv.inference.load import Run
from flowconv.models import build_flow
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
