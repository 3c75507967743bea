"""The config that a command line names."""

import inspect
import os
import runpy
import traceback
from pathlib import Path

from ml_collections import ConfigDict, FrozenConfigDict

from flowconv.errors import UserError
from flowconv.paths import given_path
from flowconv.words import nearest

HERE = Path(__file__).resolve().parents[1]
CONFIGS = next(iter(filter(Path.is_dir, (HERE / "configs", HERE.parent / "configs"))))  # in a wheel, in a checkout
DEFAULT = "photos"


def named(names: list[str] | None) -> ConfigDict:
    """Returns the config of a file, given by its path or its name, or that of DEFAULT.

    Raises:
      UserError: for a file that isn't there, or does not return a config; if there are two names.
    """
    names = list(dict.fromkeys(names or [DEFAULT]))
    if len(names) > 1:
        raise UserError(f"--config={names[1]}: is the second one, after --config={names[0]}; give one")
    path, rest = _parts(names[0])
    return load(find(path), *([rest] if rest else []))


def default_workdir(names: list[str] | None) -> Path:
    """Returns the folder of a run whose flags name none: that of the config's own name in runs/."""
    return Path("runs") / Path(_parts((names or [DEFAULT])[0])[0]).stem


def _parts(name):
    """The path or name of a config, and what stands after a colon."""
    path, _, rest = (name, "", "") if os.path.isfile(name) else name.partition(":")
    return path, rest


def find(name: str) -> Path:
    """Returns the file of a config.

    Raises:
      UserError: if there is none.
    """
    path = given_path("--config", name)
    if os.path.isfile(path):  # which is no error where a folder can't be entered
        return path
    own = {path.stem: path for path in sorted(CONFIGS.glob("*.py"))}
    known = own | {f"configs/{path.name}": path for path in own.values()}
    if name not in known:
        hint = nearest(name, known) or f"; there are {', '.join(own)}"
        raise UserError(f"--config={name}: there is no such file{hint}")
    return known[name]


def load(path: Path, *arguments: str) -> ConfigDict:
    """Returns what a file's get_config() returns.

    Args:
      path: the file.
      arguments: what stands after a colon, if anything.

    Raises:
      UserError: if it fails, or returns something else.
    """
    refused = f"--config can't be read: {path}"
    try:
        get_config = runpy.run_path(str(path)).get("get_config")
        if get_config is None:
            raise UserError(f"{refused} has no get_config()")
        if arguments and not inspect.signature(get_config).parameters:
            raise UserError(f"{refused} takes nothing after a colon, say --config.FIELD=VALUE")
        config = get_config(*arguments)
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # whatever a config file does wrong
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        where = f", line {lines[-1]}" if lines else ""
        raise UserError(f"{refused}{where}: {type(error).__name__}: {error}") from error
    if not isinstance(config, ConfigDict | FrozenConfigDict):
        raise UserError(f"{refused}: its get_config() must return a ConfigDict, as those of configs/ do")
    return ConfigDict(config)
