"""Checkpoints: everything that a run needs to go on."""

from pathlib import Path

import keras
import tensorflow as tf

from flowconv.errors import UserError


class Checkpoints:
    """The newest checkpoints of a run, and the one that is best on the validation split.

    They hold weights, the optimizer with its slots and averages, the images seen (which is the position in
    the data), the training seconds and the best score. Used on the first worker alone; the others get the
    values by broadcast.

    Args:
      flow: the model.
      optimizer: built for it.
      progress: further variables by name.
      newest: folder of the newest checkpoints, of which two are kept.
      best: folder of the best one.
    """

    def __init__(
        self,
        flow: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        progress: dict[str, tf.Variable],
        newest: Path,
        best: Path,
    ):
        # By name, not by object: a checkpoint survives a change of the classes around the variables.
        weights = {variable.path: variable.value for variable in flow.variables}
        slots = {f"{i}/{variable.path}": variable.value for i, variable in enumerate(optimizer.variables)}
        self._checkpoint = tf.train.Checkpoint(weights=weights, optimizer=slots, progress=dict(progress))
        self._newest = tf.train.CheckpointManager(self._checkpoint, str(newest), max_to_keep=2)
        self._best = tf.train.CheckpointManager(self._checkpoint, str(best), max_to_keep=1)

    def save(self, images_seen: int) -> None:
        """Writes a checkpoint, and removes the oldest."""
        self._save(self._newest, images_seen)

    def save_best(self, images_seen: int) -> None:
        """Writes the best checkpoint in the place of the one before."""
        self._save(self._best, images_seen)

    def restore(self) -> bool:
        """Restores the newest checkpoint; returns whether there was one."""
        return self._restore(self._newest)

    def restore_best(self) -> bool:
        """Restores the best checkpoint; returns whether there was one."""
        return self._restore(self._best)

    def _save(self, manager, images_seen):
        try:
            manager.save(checkpoint_number=images_seen)
        except (tf.errors.OpError, OSError) as error:
            raise UserError(f"no checkpoint can be written to {manager.directory}: {_first_line(error)}") from error

    def _restore(self, manager):
        path = manager.latest_checkpoint
        if path is None:
            return False
        try:
            self._checkpoint.restore(path).assert_consumed()
        except Exception as error:  # TensorFlow's readers raise nearly every exception on damaged files
            raise UserError(f"the checkpoint {path} can't be restored: {_first_line(error)}") from error
        return True


def _first_line(error):
    return str(error).strip().split("\n")[0]
