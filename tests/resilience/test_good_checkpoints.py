"""Which checkpoint is taken, and what is made of one that was written otherwise."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.errors import UserError
from flowconv.workdir.checkpoint_reader import saved_architecture, saved_name
from tests.resilience.test_checkpoints import Run


def weights(run):
    return [variable.numpy() for variable in run.step.flow.trainable_variables]


def averages(run):
    return [variable.numpy() for variable in run.step.optimizer._model_variables_moving_average]


def spoil(run, number, value):
    """Writes a checkpoint with such a number in it, as another program might."""
    run.save(number)
    run.variables[-1].assign(tf.fill(run.variables[-1].shape, value))
    run.checkpoints._newest.write(run.checkpoints._checkpoint, number)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_with_numbers_that_are_not_finite_is_no_good(tmp_path, value):
    run = Run(tmp_path)
    run.save(1)
    spoil(run, 2, value)
    number, restored = run.restored()
    assert number == 1 and "ckpt-2 can't be restored" in restored.damaged[0] and "not finite" in restored.damaged[0]


def test_one_with_a_negative_count_is_no_good(tmp_path):
    run = Run(tmp_path)
    run.save(1)
    run.save(2)
    run.step.images_seen.assign(-3)
    run.checkpoints._newest.write(run.checkpoints._checkpoint, 2)
    assert "images_seen is -3" in run.restored()[1].damaged[0]


@pytest.mark.parametrize("best", ["none", "damaged", "not finite"])
def test_the_newest_good_one_stands_in_for_the_best(tmp_path, best):
    run = Run(tmp_path)
    run.save(1)
    if best != "none":
        run.checkpoints.save_best(1)
        (index,) = (tmp_path / "best").glob("*.index")
        index.write_bytes(b"")
    if best == "not finite":
        run.variables[0].assign(tf.fill(run.variables[0].shape, np.nan))
        run.checkpoints._best.write(run.checkpoints._checkpoint, 1)
    run.save(2)
    before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
    restored = run.checkpoints.restore_best()
    assert restored.path == str(tmp_path / "new" / "ckpt-2") and "best" in restored.damaged[0]
    assert sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")) == before


def test_one_of_another_model_is_no_good_even_if_all_variables_fit(tmp_path):
    Run(tmp_path, {"model.preprocessing": "centre"}).save(1)
    assert saved_architecture(tmp_path / "new")["model.preprocessing"] == "centre"
    with pytest.raises(UserError, match=r"model\.preprocessing is centre there and logit here"):
        Run(tmp_path).checkpoints.restore()


def test_averages_that_it_lacks_start_from_the_weights(tmp_path):
    Run(tmp_path, {"train.ema_decay": 0.0}).save(3)
    run = Run(tmp_path)
    run.checkpoints.restore()
    assert averages(run) and all((value == 3).all() for value in (*averages(run), *weights(run)))


@pytest.mark.parametrize("average_is_best", [True, False])
def test_averages_that_are_not_kept_any_more_are_dropped_unless_they_are_the_best(tmp_path, average_is_best):
    run = Run(tmp_path)
    run.save(3)
    for average in run.step.optimizer._model_variables_moving_average:
        average.assign(tf.fill(average.shape, 4.0))
    run.average_is_best.assign(average_is_best)
    run.checkpoints.save(3)
    run.checkpoints.save_best(3)
    later = Run(tmp_path, {"train.ema_decay": 0.0})
    later.checkpoints.restore()
    assert all((weight == 3).all() for weight in weights(later))
    later.checkpoints.restore_best()
    assert all((weight == (4 if average_is_best else 3)).all() for weight in weights(later))
    assert not later.average_is_best


@pytest.mark.parametrize("there", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("here", ["float32", "float64", "bfloat16"])
def test_what_is_read_is_cast(tmp_path, there, here):
    Run(tmp_path, {"model.precision": there}).save(3)
    run = Run(tmp_path, {"model.precision": here})
    assert run.restored()[0] == 3


def test_one_of_version_0_1_is_good(tmp_path):
    """It numbered the optimizer's variables, had no architecture, and a list of checkpoints beside it."""
    run = Run(tmp_path)
    run.save(3)
    flow, optimizer = run.step.flow, run.step.optimizer
    checkpoint = tf.train.Checkpoint(
        weights={saved_name(variable): variable.value for variable in flow.variables},
        optimizer={f"{i}/{saved_name(v)}": v.value for i, v in enumerate(optimizer.variables)},
        progress={"images_seen": run.step.images_seen},
    )
    manager = tf.train.CheckpointManager(checkpoint, str(tmp_path / "old" / "new"), max_to_keep=2)
    manager.save(checkpoint_number=3)
    run.use(tmp_path / "old")
    assert saved_architecture(tmp_path / "old" / "new") == {}
    number, restored = run.restored()
    assert number == 3 and not restored.damaged
    run.save(4)
    assert run.restored()[0] == 4
