"""Checkpoints: everything that a run needs to go on."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from flowconv.errors import UserError
from flowconv.files import write_text

NEWEST_KEPT = 2  # so that there is one before the newest


@dataclass(frozen=True)
class Restored:
    """What was restored.

    Attributes:
      path: of the checkpoint, without the endings of its files.
      damaged: a line for each newer one that could not be read, and was renamed.
    """

    path: str
    damaged: tuple[str, ...] = ()


class Checkpoints:
    """The newest checkpoints of a run, and the one that is best on the validation split.

    They hold weights, the optimizer with its slots and averages, the images seen (which is the position in
    the data), the training seconds and the best score. Used on the first worker alone; the others get the
    values by broadcast. TensorFlow writes a checkpoint under another name and renames it when it is whole, and
    every tensor in it has a checksum; nothing in it is ever executed.

    Args:
      flow: the model.
      optimizer: built for it.
      progress: further variables by name; those that an older checkpoint lacks keep their values.
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
        self._variables = {
            "weights": {variable.path: variable.value for variable in flow.variables},
            "optimizer": {f"{i}/{variable.path}": variable.value for i, variable in enumerate(optimizer.variables)},
        }
        self._checkpoint = tf.train.Checkpoint(**self._variables, progress=dict(progress))
        self._newest = _Folder(self._checkpoint, newest, NEWEST_KEPT)
        self._best = _Folder(self._checkpoint, best, 1)

    def save(self, images_seen: int) -> bool:
        """Writes a checkpoint, and removes the oldest; returns False, and does nothing, if a number isn't finite.

        Raises:
          UserError: if it can't be written; those before it are as they were.
        """
        return self._finite() and self._newest.save(images_seen)

    def save_best(self, images_seen: int) -> bool:
        """Writes the best checkpoint in the place of the one before; as `save`."""
        return self._finite() and self._best.save(images_seen)

    def restore(self) -> Restored | None:
        """Restores the newest checkpoint that can be read; returns None if there is none at all.

        Raises:
          UserError: if there are some and none of them can be read.
        """
        return self._newest.restore()

    def restore_best(self) -> Restored:
        """Restores the best checkpoint, as `restore` does.

        Raises:
          UserError: if there is none that can be read.
        """
        restored = self._best.restore()
        if not restored:
            raise UserError(f"--workdir={self._best.path.parent}: holds no checkpoint in {self._best.path}")
        return restored

    def _finite(self):
        values = (value for group in self._variables.values() for value in group.values())
        return all(np.isfinite(tf.reduce_sum(value)) for value in values if value.dtype.is_floating)


class _Folder:
    """Checkpoints of one kind, whose numbers are those of the images seen."""

    def __init__(self, checkpoint, path, kept):
        self._checkpoint = checkpoint
        self.path = path
        self._kept = kept

    def save(self, number):
        try:
            self._tidy()
            # A new one each time: it reads from the folder which checkpoints there are.
            manager = tf.train.CheckpointManager(self._checkpoint, str(self.path), max_to_keep=self._kept)
            manager.save(checkpoint_number=number)
        except (tf.errors.OpError, OSError) as error:
            self._remove_unfinished()
            raise UserError(f"no checkpoint can be written to {self.path}: {_first_line(error)}") from error
        return True

    def restore(self):
        self._remove_unfinished()
        damaged = []
        for path in reversed(self._paths()):
            try:
                self._read(path)
            except Exception as error:  # TensorFlow's readers raise nearly every exception on damaged files
                damaged.append((path, f"the checkpoint {path} can't be restored: {_first_line(error)}"))
                continue
            for bad, _ in damaged:  # out of the way, and not deleted: the disk may be at fault
                _rename(bad)
            return Restored(str(path), tuple(line for _, line in damaged))
        if damaged:
            raise UserError("; ".join(line for _, line in damaged))
        return None

    def _read(self, path):
        names = {name.split("/.ATTRIBUTES")[0] for name, _ in tf.train.list_variables(str(path))}
        wanted = {
            f"{group}/{_escaped(name)}"
            for group in ("weights", "optimizer")
            for name in getattr(self._checkpoint, group)
        }
        lacking = sorted(wanted - names)
        if lacking:
            raise ValueError(f"it lacks {len(lacking)} of {len(wanted)} variables, {lacking[0]} the first of them")
        self._checkpoint.restore(str(path)).expect_partial()

    def _paths(self):
        """What has files here, from the oldest to the newest: a checkpoint whose index is gone counts, as damaged."""
        numbers = {int(found[1]) for file in self.path.glob("ckpt-*") if (found := _FILE.fullmatch(file.name))}
        return [self.path / f"ckpt-{number}" for number in sorted(numbers)]

    def _tidy(self):
        """Removes what a killed process left half-written, and lists what there is where TensorFlow looks for it."""
        self._remove_unfinished()
        paths = self._paths()
        if paths:
            lines = [f'model_checkpoint_path: "{paths[-1].name}"']
            lines += [f'all_model_checkpoint_paths: "{path.name}"' for path in paths]
            # TensorFlow removes none whose time it doesn't know to be after this one.
            lines += [f"all_model_checkpoint_timestamps: {number + 1.0}" for number in range(len(paths))]
            lines += ["last_preserved_timestamp: 0.0"]
            write_text(self.path / _LIST, "\n".join(lines) + "\n")

    def _remove_unfinished(self):
        """TensorFlow writes to a folder, moves the data, then the index, and then lists the checkpoint."""
        for folder in self.path.glob("ckpt-*_temp"):
            shutil.rmtree(folder, ignore_errors=True)
        listed = self.path / _LIST
        finished = (
            re.findall(r'"(.*)"', listed.read_text(encoding="utf-8", errors="replace")) if listed.exists() else []
        )
        for path in self._paths():
            if not path.with_name(f"{path.name}.index").exists() and path.name not in finished:
                for file in path.parent.glob(f"{path.name}.data-*"):
                    file.unlink()


_GROUPS = ("weights", "optimizer")  # of variables that a checkpoint must have
_LIST = "checkpoint"
_FILE = re.compile(r"ckpt-(\d+)\.(?:index|data-\d+-of-\d+)")


def _rename(path):
    for file in path.parent.glob(f"{path.name}.*"):
        if _FILE.fullmatch(file.name):
            file.replace(file.with_name(file.name + ".damaged"))


def _escaped(name):
    """As TensorFlow writes a name that has slashes."""
    return name.replace(".", "..").replace("/", ".S")


def _first_line(error):
    return str(error).strip().split("\n")[0]
