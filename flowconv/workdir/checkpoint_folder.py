"""A folder of checkpoints: which there are, and how one is added whole."""

import contextlib
import os
import re
import shutil
from pathlib import Path

import tensorflow as tf

from flowconv.errors import UserError
from flowconv.paths import without_patterns

_FILE = re.compile(r"ckpt-(\d+)\.(?:index|data-\d+-of-\d+)")
_DAMAGED = re.compile(_FILE.pattern + r"\.damaged")
_WHOLE = re.compile(r"ckpt-\d+\.whole")
_UNFINISHED = re.compile(r"ckpt-\d+(?:\.part|_temp)")  # (the latter was left by version 0.1)


class CheckpointFolder:
    """Checkpoints of one kind, whose numbers are those of the images seen.

    Files are listed, matched and removed by their exact names: whatever the folder is called, no file outside of it
    is touched. Only the process that holds the workdir's lock may call anything but `paths`.

    Args:
      path: the folder; it may not exist yet.
      kept: how many checkpoints stay.
    """

    def __init__(self, path: Path, kept: int):
        self.path = path
        self._kept = kept

    def paths(self) -> list[Path]:
        """Returns what has files here, from the oldest to the newest, without the endings of its files.

        One whose index is gone counts, as damaged.
        """
        return [self.path / f"ckpt-{number}" for number in sorted(self._files(_FILE))]

    def write(self, checkpoint: tf.train.Checkpoint, number: int) -> None:
        """Adds a checkpoint, and removes those that are too old, or are later ones that the run went back from.

        Raises:
          UserError: if it can't be written; those before it are as they were.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.finish()
            unfinished = self.path / f"ckpt-{number}.part"
            unfinished.mkdir()
            with without_patterns(unfinished) as folder:
                checkpoint.write(f"{folder}/ckpt-{number}")
            unfinished.rename(unfinished.with_suffix(".whole"))
            self.finish()
        except (tf.errors.OpError, OSError) as error:
            self._discard()
            reason = re.sub(r"/proc/self/fd/\d+", lambda _: str(self.path), str(error).strip().split("\n")[0])
            raise UserError(f"no checkpoint can be written to {self.path}: {reason}") from error
        self._remove_old(number)

    def finish(self) -> None:
        """Finishes what a killed process had all but written, and removes what it had only begun.

        TensorFlow writes to a folder, whose name then says that it is whole, and out of which the files are moved.
        Whatever the moment of a kill, those that the folder lacks are in their place.
        """
        for name in self._names():
            if _WHOLE.fullmatch(name):
                for file in os.listdir(self.path / name):
                    os.replace(self.path / name / file, self.path / file)
                os.rmdir(self.path / name)
        self._discard()

    def set_aside(self, path: Path) -> None:
        """Renames the files of a damaged checkpoint, and doesn't remove them: the disk may be at fault."""
        for name in self._files(_FILE)[_number(path)]:
            os.replace(self.path / name, self.path / f"{name}.damaged")

    def _discard(self):
        for name in self._names():
            if _UNFINISHED.fullmatch(name):
                shutil.rmtree(self.path / name, ignore_errors=True)

    def _remove_old(self, newest):
        numbers = sorted(self._files(_FILE))
        kept = [number for number in numbers if number <= newest][-self._kept :]
        for number, names in self._files(_FILE).items():
            if number not in kept:
                self._remove(names)
        for number, names in self._files(_DAMAGED).items():
            if number < kept[0]:  # by now there are good ones that are newer
                self._remove(names)

    def _remove(self, names):
        for name in sorted(names, key=lambda name: not name.endswith("index")):
            with contextlib.suppress(OSError):  # it will be tried again after the next one
                (self.path / name).unlink()

    def _files(self, pattern):
        """The names of files that match, by the numbers in them."""
        files = {}
        for name in self._names():
            if found := pattern.fullmatch(name):
                files.setdefault(int(found[1]), []).append(name)
        return files

    def _names(self):
        try:
            return os.listdir(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise UserError(f"{self.path} can't be read: {error.strerror}") from error


def _number(path):
    return int(path.name.removeprefix("ckpt-"))
