"""Checkpoints: everything that a run needs to go on."""

import contextlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from flowconv.config import differing_architecture
from flowconv.errors import UserError
from flowconv.workdir.checkpoint_folder import CheckpointFolder
from flowconv.workdir.checkpoint_reader import key, opened, saved_name

NEWEST_KEPT = 2  # so that there is one before the newest


@dataclass(frozen=True)
class Restored:
    """What was restored.

    Attributes:
      path: of the checkpoint, without the endings of its files.
      damaged: a line for each one that would have gone before it and is no good.
    """

    path: str
    damaged: tuple[str, ...] = ()


class Checkpoints:
    """The newest checkpoints of a run, and the one that is best on the validation split.

    They hold weights, the optimizer with its slots and averages, the architecture, the images seen (which is the
    position in the data), the training seconds and the best score. Used on the first worker alone; the others get the
    values by broadcast. Every tensor in a checkpoint has a checksum; nothing in it is ever executed.

    A good one can be read, is of this architecture, and has finite weights and slots. What is read is cast to the
    dtype that is wanted here. Averages that it lacks start from the weights.

    Args:
      flow: the model.
      optimizer: built for it.
      progress: further variables by name; those that an older checkpoint lacks keep their values.
      architecture: the fields by which the model is told from others, as `flowconv.config.architecture`.
      newest: folder of the newest checkpoints, of which two are kept.
      best: folder of the best one.
    """

    def __init__(
        self,
        flow: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        progress: dict[str, tf.Variable],
        architecture: Mapping[str, Any],
        newest: Path,
        best: Path,
    ):
        # By name, not by object or number: a checkpoint survives a change of what is around the variables.
        groups = {
            "weights": {saved_name(variable): variable.value for variable in flow.variables},
            "optimizer": {saved_name(variable): variable.value for variable in optimizer.variables},
        }
        self._variables = {key(group, name): value for group in groups for name, value in groups[group].items()}
        if len(self._variables) < len(flow.variables) + len(optimizer.variables):
            raise ValueError("two variables of the model, or of the optimizer, have one name")
        self._averages = {
            key("optimizer", f"{optimizer.name}/{saved_name(variable).replace('/', '_')}_average"): variable.value
            for variable in flow.trainable_variables
        }
        self._slots = {key("optimizer", name) for name in groups["optimizer"]} - self._averages.keys()
        self._progress = {key("progress", name): variable for name, variable in progress.items()}
        self._architecture = architecture
        self._checkpoint = tf.train.Checkpoint(
            **groups,
            progress=dict(progress),
            architecture=tf.Variable(json.dumps(architecture), trainable=False),
        )
        self._newest = CheckpointFolder(newest, NEWEST_KEPT)
        self._best = CheckpointFolder(best, 1)

    def save(self, images_seen: int) -> bool:
        """Writes a checkpoint, and removes the oldest; returns False, and does nothing, if a number isn't finite.

        Raises:
          UserError: if it can't be written; those before it are as they were.
        """
        return self._write(self._newest, images_seen)

    def save_best(self, images_seen: int) -> bool:
        """Writes the best checkpoint in the place of the one before; as `save`."""
        return self._write(self._best, images_seen)

    def restore(self) -> Restored | None:
        """Restores the newest good checkpoint and renames newer ones; returns None if there is none at all.

        The best score is that of the best checkpoint, which may be a later one: a worse one must not take its place.

        Raises:
          UserError: if there are some and none of them is good, or the folder can't be changed.
        """
        try:
            self._newest.finish()
            path, damaged = self._first_good(self._read, self._newest)
            for bad in damaged if path else ():
                self._newest.set_aside(bad)
        except OSError as error:
            raise UserError(f"{self._newest.path} can't be changed: {error.strerror}") from error
        if path:
            self._keep_best_score()
            return _restored(path, damaged)
        if damaged:
            raise UserError("; ".join(damaged.values()))
        return None

    def restore_best(self) -> Restored:
        """Restores the best checkpoint, or the newest good one if that is no good; changes no file.

        One with weights alone is enough: what the optimizer needs stays as it is, averages become the weights.

        Raises:
          UserError: if there is none that is good.
        """
        path, damaged = self._first_good(self._read_best, self._best, self._newest)
        if path and path.parent == self._newest.path and not damaged:
            damaged = {path: f"there is no checkpoint in {self._best.path}"}
        if path:
            return _restored(path, damaged)
        if damaged:
            raise UserError("; ".join(damaged.values()))
        raise UserError(f"--workdir={self._best.path.parent}: holds no checkpoint in {self._best.path}")

    def _write(self, folder, images_seen):
        values = self._variables.values()
        if not all(np.isfinite(tf.reduce_sum(value)) for value in values if value.dtype.is_floating):
            return False
        folder.write(self._checkpoint, images_seen)
        return True

    def _first_good(self, read: Callable[[Path], None], *folders: CheckpointFolder) -> tuple[Path | None, dict]:
        """Reads the newest checkpoint that is good; returns it and, by their paths, what is wrong with those before.

        The folders are listed anew after each: a run that goes on may have replaced one that was to be read.
        """
        damaged: dict[Path, str] = {}
        while True:
            there = [path for folder in folders for path in reversed(folder.paths())]
            damaged = {path: line for path, line in damaged.items() if path in there}
            path = next((path for path in there if path not in damaged), None)
            if path is None:
                return None, damaged
            try:
                read(path)
            except (MemoryError, tf.errors.ResourceExhaustedError):  # of which a checkpoint isn't to blame
                raise
            except Exception as error:  # TensorFlow's readers raise nearly every other one on damaged files
                reason = str(path.parent).join(re.split(r"/proc/self/fd/\d+", str(error)))
                damaged[path] = f"the checkpoint {path} can't be restored: {reason.strip().split(chr(10))[0]}"
            else:
                return path, damaged

    def _read(self, path, weights_are_enough=False):
        with opened(path) as reader:
            reader.check_end()
            self._compare(reader)
            wanted = set(self._variables)
            if weights_are_enough and not any(name.startswith("optimizer/") for name in reader.names):
                wanted -= self._slots  # as where a flow was written alone
            lacking = wanted - reader.names.keys()
            averages = self._averages.keys() & lacking
            if averages == self._averages.keys():  # it was written without
                lacking -= averages
            if lacking:
                count = f"{len(lacking)} of {len(self._variables)}"
                raise ValueError(f"it lacks {count} variables, {min(lacking)} the first of them")
            for name in wanted - averages:
                _assign(self._variables[name], reader.finite(name))
            for name in averages:
                self._variables[name].assign(self._averages[name])
            progress = {name: reader.figure(name) for name in self._progress if name in reader.names}
        for name, value in progress.items():  # now that nothing is wrong with the rest
            _assign(self._progress[name], value)

    def _read_best(self, path):
        self._read(path, weights_are_enough=True)
        average_is_best = self._progress.get(key("progress", "average_is_best"))
        if average_is_best and not self._averages.keys() <= self._variables.keys():
            with opened(path) as reader:  # the run keeps no averages any more, and these were the better weights
                for name, variable in self._averages.items():
                    _assign(variable, reader.finite(name))
            average_is_best.assign(False)

    def _keep_best_score(self):
        names = [key("progress", name) for name in ("best_bits_per_dim", "average_is_best")]
        for path in self._best.paths() if self._progress.keys() >= set(names) else ():
            with contextlib.suppress(Exception), opened(path) as reader:  # what is damaged is no good score
                reader.check_end()
                score, average = map(reader.figure, names)
                if score < self._progress[names[0]]:
                    self._progress[names[0]].assign(score)
                    self._progress[names[1]].assign(average)

    def _compare(self, reader):
        if "architecture" in reader.names:  # version 0.1 wrote none
            there = json.loads(reader.value("architecture"))
            if differences := differing_architecture(there, self._architecture, precision=False):
                raise ValueError("; ".join(differences))


def _restored(path, damaged):
    return Restored(str(path), tuple(f"{line}; {path} is used" for line in damaged.values()))


def _assign(variable, value):
    variable.assign(tf.cast(value, variable.dtype))
