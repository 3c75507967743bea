"""The folder of one run."""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from flowconv.config import architecture, differing_architecture, flatten, restored, validate
from flowconv.errors import UserError, warn
from flowconv.files import check_writable, read_json, remove_unfinished, set_aside, write_json
from flowconv.paths import given_path
from flowconv.workdir.links import refuse_links_out
from flowconv.workdir.lock import locked, refuse_if_locked

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")  # what a file is called, and hardly a folder
FORMAT = 1  # of a run's files; a program reads those of its own and of older ones


class Workdir:
    """The folder of a run.

    It holds config.json, data.json, sessions.json, checkpoints, metrics.csv, health.json, tensorboard/, pictures/ and
    results.json.

    Args:
      path: the folder, of any name; it may not exist yet.
      flag: by which it was given, for what is said of it.

    Raises:
      UserError: if the path is None, as that of a flag that wasn't given, or no path at all.
    """

    def __init__(self, path: str | os.PathLike | None, flag: str = "--workdir"):
        if path is None:
            raise UserError(f"{flag} is missing: name the folder of a run")
        self.flag = flag
        self.path = given_path(flag, path)
        self.lock = self.path / "lock"
        self.config = self.path / "config.json"
        self.data = self.path / "data.json"
        self.results = self.path / "results.json"
        self.evaluation = self.path / "evaluation.json"
        self.metrics = self.path / "metrics.csv"
        self.health = self.path / "health.json"
        self.sessions = self.path / "sessions.json"
        self.checkpoints = self.path / "checkpoints"
        self.best_checkpoint = self.path / "best"
        self.tensorboard = self.path / "tensorboard"
        self.pictures = self.path / "pictures"

    @property
    def name(self) -> str:
        """The folder's own name, without the way to it."""
        return self.path.absolute().name

    def check(self, config: ConfigDict) -> None:
        """Checks that this run can live there; makes and writes nothing.

        Raises:
          UserError: if the folder can't be written, is another job's, or holds a run of another architecture.
        """
        check_writable(self.flag, self.path)
        refuse_if_locked(self.lock, f"{self.flag}={self.path}")
        if self.config.exists():
            self.compare(dict(flatten(self.load_config())), config)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Makes the folder; while a block runs, this process alone may change what is there.

        Raises:
          UserError: if the folder can't be written, or is another job's.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{self.flag}={self.path}: can't be written ({error.strerror})") from error
        with locked(self.lock, f"{self.flag}={self.path}"):
            self.clear()
            yield

    def clear(self) -> None:
        """Removes what is unfinished; sets aside, with a warning, files in the place of folders, and the reverse."""
        for folder in (self.path, self.pictures):
            remove_unfinished(folder)
        folders = (self.checkpoints, self.best_checkpoint, self.tensorboard, self.pictures)
        in_the_way = [path for path in folders if os.path.lexists(path) and not path.is_dir()]
        files = [self.metrics, self.results, self.evaluation, self.health, self.sessions]
        with contextlib.suppress(OSError):  # there are no pictures, or they are another user's
            files += [path for path in self.pictures.iterdir() if path.suffix == ".png"]
        in_the_way += [path for path in files if path.is_dir()]
        for path in in_the_way:
            kind = "no folder" if path in folders else "a folder"
            warn(f"{path} is {kind}: it is kept as {set_aside(path).name}")

    def compare(self, there: Mapping[str, Any], config: ConfigDict) -> None:
        """Checks that the model which lives here, whose fields `there` has by name, is that of `config`.

        Raises:
          UserError: if it isn't.
        """
        differences = differing_architecture(there, architecture(config))
        if differences:
            raise UserError(
                f"{self.flag}={self.path}: holds a run of another model ({'; '.join(differences)}): "
                f"choose another workdir, or the same fields"
            )

    def check_unmoved(self) -> None:
        """Checks that the folder of a run that goes on is still here.

        Raises:
          UserError: if it was deleted, renamed or emptied.
        """
        if not self.config.exists():
            raise UserError(
                f"{self.flag}={self.path}: was deleted or renamed while the run went on (there is no "
                f"{self.config.name} in it any more): give its new name, to go on from the last checkpoint in it"
            )

    def load_config(self) -> ConfigDict:
        """Returns the config of the run that lives here.

        Raises:
          UserError: if there is none, it can't be read, or a newer version of this program wrote it.
        """
        try:
            refuse_links_out(self.flag, self.path)
            there = self.config.is_file()
        except OSError as error:
            raise UserError(f"{self.flag}={self.path}: can't be read ({error.strerror})") from error
        if not there:
            raise UserError(f"{self.flag}={self.path}: holds no run (there is no {self.config.name} in it)")
        saved = read_json(self.config)
        if not isinstance(saved, dict):
            raise UserError(f"{self.config} can't be read: it holds no config")
        written = saved.pop("format", FORMAT)
        if written != FORMAT:
            raise UserError(
                f"{self.flag}={self.path}: holds a run of a newer flowconv (format {written}; this one reads "
                f"{FORMAT}): install that one"
            )
        try:
            config = restored(dict(_flatten(saved)))
            validate(config)
        except UserError as error:
            raise UserError(f"{self.config}: {error}".replace("--config.", "", 1)) from error
        return config

    def results_folder(self, given: str | os.PathLike | None, default: Path, flag: str = "--output") -> Path:
        """Returns the folder that results of this run go to, which is made; to be called before the work.

        Args:
          given: the folder that the user gave, if any.
          default: a folder of the run.
          flag: by which it was given.

        Raises:
          UserError: if there is no run here, or the folder can't be written, has the name of a picture, or is that of
            another run.
        """
        self.load_config()
        folder = default if given is None else given_path(flag, given)
        if given is not None and folder.suffix.lower() in PICTURES and not os.path.isdir(folder):
            raise UserError(f"{flag}={folder}: must be a folder; what comes into it has names of its own")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
            holds_another = (folder / self.config.name).is_file() and not folder.samefile(self.path)
        except OSError as error:
            why = f"can't be written ({error.strerror})"
            if given is None:
                raise UserError(f"{self.flag}={self.path}: {why}; {flag}=PATH takes results elsewhere") from error
            raise UserError(f"{flag}={folder}: {why}") from error
        if holds_another:
            raise UserError(f"{flag}={folder}: holds another run; name another folder")
        return folder

    def save_config(self, config: ConfigDict) -> None:
        """Writes config.json."""
        write_json(self.config, {"format": FORMAT, **config.to_dict()})


def _flatten(value, prefix=""):
    """As `flatten`, of what was read from a file: a dot in a name makes it another one."""
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield from _flatten(inner, f"{prefix}{name.replace('.', '/')}.")
        else:
            yield prefix + name.replace(".", "/"), inner
