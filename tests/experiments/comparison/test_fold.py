"""A trained run of the paper's model as one of Glow."""

import numpy as np
import pytest
import tensorflow as tf

from experiments.comparison.fold import fold
from flowconv.errors import UserError
from flowconv.training import optimizer
from flowconv.training.checkpoints import Checkpoints
from tests.runs import saved_variables


def test_a_folded_run_goes_on_from_slots_that_are_0(finished_run, tmp_path, monkeypatch):
    """Whatever the memory of the optimizer's slots held before."""
    monkeypatch.setattr(optimizer, "empty", lambda shape, dtype=None: tf.fill(shape, tf.cast(np.nan, dtype)))
    before, after = fold(finished_run[0], tmp_path / "folded")
    assert after == pytest.approx(before, abs=1e-5)
    saved = saved_variables(tmp_path / "folded", "best")
    slots = [value for name, value in saved.items() if name.endswith(("momentum", "velocity"))]
    assert len(slots) > 20 and not any(np.any(slot) for slot in slots)


def test_a_folded_run_that_can_t_be_saved_is_an_error(finished_run, tmp_path, monkeypatch):
    monkeypatch.setattr(Checkpoints, "_write", lambda self, folder, images_seen: False)
    with pytest.raises(UserError, match="aren't finite; nothing is saved"):
        fold(finished_run[0], tmp_path / "folded")
    assert not (tmp_path / "folded" / "config.json").exists()
