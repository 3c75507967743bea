"""A trained run of the paper's model as one of Glow."""

import numpy as np
import pytest
import tensorflow as tf

from experiments.comparison import fold as folding
from experiments.comparison.fold import fold
from flowconv import preflight
from flowconv.errors import UserError
from flowconv.training import optimizer
from flowconv.training.checkpoints import Checkpoints
from flowconv.training.state import RunState
from flowconv.training.train import train
from flowconv.workdir import Workdir
from tests.runs import FULL, config_of, saved_variables

SHIFT = {"model.convolution": "shift", "model.shift": "channel"}


def test_a_folded_run_goes_on_from_slots_that_are_0(finished_run, tmp_path, monkeypatch):
    """Whatever the memory of the optimizer's slots held before."""
    monkeypatch.setattr(optimizer, "empty", lambda shape, dtype=None: tf.fill(shape, tf.cast(np.nan, dtype)))
    before, after = fold(finished_run[0], tmp_path / "folded")
    assert after == pytest.approx(before, abs=1e-5)
    for folder in ("best", "checkpoints"):
        saved = saved_variables(tmp_path / "folded", folder)
        slots = [value for name, value in saved.items() if name.endswith(("momentum", "velocity"))]
        assert len(slots) > 20 and not any(np.any(slot) for slot in slots)
    workdir = Workdir(tmp_path / "folded")
    config = workdir.load_config()
    (found,) = (row for row in preflight.run_checks(config, workdir) if row.name == "workdir")
    assert not found.failed and found.message.endswith("a run to go on with")
    state = RunState(config, workdir)
    assert not state.checkpoints.restore().damaged
    assert int(state.images_seen) == int(state.evaluated) == config.train.images
    if FULL:
        config.train.images += 16
        assert train(config, workdir.path)["images_trained"] == config.train.images
        assert saved_variables(workdir.path)["optimizer/adam.Siteration"] == 1


def test_a_folded_run_that_can_t_be_saved_is_an_error(finished_run, tmp_path, monkeypatch):
    monkeypatch.setattr(Checkpoints, "_write", lambda self, folder, images_seen: False)
    with pytest.raises(UserError, match="aren't finite; nothing is saved"):
        fold(finished_run[0], tmp_path / "folded")
    assert not (tmp_path / "folded").exists()


@pytest.mark.parametrize("file", ["best/ckpt-160.index", "config.json", "notes.txt"])
def test_a_folder_that_holds_something_is_left_alone(file, tmp_path, monkeypatch):
    """As the run of a comparison, which is of the very model that a shift folds into; nothing is loaded before."""
    monkeypatch.setattr(folding, "load_data", None)
    Workdir(tmp_path / "shift").save_config(config_of(**SHIFT))
    there = tmp_path / "conv1x1" / file
    there.parent.mkdir(parents=True)
    there.write_text("of another run")
    with pytest.raises(UserError, match=r"^--output=.*conv1x1: holds something; name a folder that is empty"):
        fold(tmp_path / "shift", tmp_path / "conv1x1")
    assert [path for path in (tmp_path / "conv1x1").rglob("*") if path.is_file()] == [there]
    assert there.read_text() == "of another run"
