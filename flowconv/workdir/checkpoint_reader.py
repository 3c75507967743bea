"""The contents of a checkpoint."""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from flowconv.paths import without_patterns
from flowconv.workdir.checkpoint_folder import CheckpointFolder


@contextlib.contextmanager
def opened(path: Path) -> Iterator["CheckpointReader"]:
    """Opens a checkpoint, whose path has no endings of files, while a block runs."""
    with without_patterns(path.parent) as folder:
        yield CheckpointReader(tf.train.load_checkpoint(f"{folder}/{path.name}"))


class CheckpointReader:
    """The tensors of a checkpoint by the names of their variables.

    Args:
      reader: TensorFlow's, which checks each tensor's checksum.

    Attributes:
      names: as `key` makes them, and those under which TensorFlow has them.
    """

    def __init__(self, reader: Any):
        self._reader = reader
        # Version 0.1 numbered the optimizer's variables.
        self.names = {
            re.sub(r"^optimizer/\d+\.S", "optimizer/", name.split("/.ATTRIBUTES")[0]): name
            for name in reader.get_variable_to_shape_map()
        }

    def check_end(self) -> None:
        """Reads what lies at the end of the file, which nothing else needs: a file that was cut off is no good."""
        for name in self.names.keys() & {"_CHECKPOINTABLE_OBJECT_GRAPH"}:
            self.value(name)

    def value(self, name: str) -> Any:
        """Returns a tensor as numpy has it."""
        return self._reader.get_tensor(self.names[name])

    def finite(self, name: str) -> np.ndarray:
        """As `value`; raises ValueError if not all numbers are finite."""
        value = self.value(name)
        if not np.isfinite(np.sum(value, dtype=np.float64)):
            raise ValueError(f"{name} has numbers that are not finite")
        return value

    def figure(self, name: str) -> np.generic:
        """As `value`, of a single one; raises ValueError for NaN, or a count below 0."""
        value = self.value(name)
        if np.isnan(value) or (np.issubdtype(value.dtype, np.integer) and value < 0):
            raise ValueError(f"{name} is {value}")
        return value


def saved_name(variable: keras.Variable) -> str:
    """Returns the name of a model's or an optimizer's variable in checkpoints, which is that of version 0.1.

    A flow had no compositions around its levels then, and a split's network was its only layer.
    """
    name = variable.path
    for now, then in (("bijector/multiscale/", ""), ("/prior/moments/", "/moments/")):
        name = name.replace(now, then).replace(now.replace("/", "_"), then.replace("/", "_"))  # of slots
    return name


def key(group: str, name: str) -> str:
    """Returns the name of a variable in a checkpoint, in which TensorFlow writes slashes otherwise."""
    return f"{group}/{name.replace('.', '..').replace('/', '.S')}"


def saved_architecture(newest: Path) -> dict[str, Any] | None:
    """Returns the architecture in the newest checkpoint that can be read: nothing in one of version 0.1.

    Args:
      newest: the folder of a run's newest checkpoints; None is returned if it has none.
    """
    for path in reversed(CheckpointFolder(newest, kept=1).paths()):
        with contextlib.suppress(Exception), opened(path) as reader:  # which ones are damaged is told later
            return json.loads(reader.value("architecture")) if "architecture" in reader.names else {}
    return None
