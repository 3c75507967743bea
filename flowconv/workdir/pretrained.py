"""Trained flows that come with the package, each a folder of `flowconv/pretrained/`."""

import os
from pathlib import Path

from flowconv.errors import UserError
from flowconv.words import nearest
from flowconv.workdir.workdir import Workdir

FOLDER = Path(__file__).resolve().parents[1] / "pretrained"
MOST_BYTES = 5 * 2**20  # of each, since everybody gets all of them


class Pretrained(Workdir):
    """The folder of a trained flow that comes with the package, which is only read.

    Args:
      name: one of `names()`; results go to a folder of this name in the current one.

    Raises:
      UserError: if there is none of that name.
    """

    def __init__(self, name: str):
        if name not in names():
            raise UserError(f"--model={name}: {refusal(name)}")
        super().__init__(FOLDER / name, "--model")

    def results_folder(self, given: str | os.PathLike | None, default: Path, flag: str = "--output") -> Path:
        return super().results_folder(given, Path(self.path.name) / default.relative_to(self.path), flag)


def names() -> tuple[str, ...]:
    """Returns the names of the trained flows that there are."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/config.json")))


def refusal(name: str) -> str:
    """Returns what is wrong with a name that is none of them."""
    if not names():
        return "no trained flow comes with this package: name the folder of a run"
    hint = nearest(name, names()) or f"; there are {', '.join(names())}"
    return f"no trained flow of this name comes with the package{hint}"


def chosen(workdir: str | os.PathLike | None, model: str | None) -> Workdir:
    """Returns the workdir that --workdir or --model names.

    Raises:
      UserError: if both are given, or none, or there is no such flow.
    """
    if model is None:
        return Workdir(workdir)
    if workdir is not None:
        raise UserError(f"--model={model}: takes the place of --workdir={workdir}; give one of them")
    return Pretrained(model)


def found(name: str | os.PathLike) -> Workdir:
    """Returns the workdir at a path, or that of the trained flow of this name, if there is no run at the path.

    Raises:
      UserError: if there is neither.
    """
    workdir, text = Workdir(name), os.fspath(name)
    if os.path.basename(text) != text or os.path.lexists(workdir.config) or text in (".", ".."):
        return workdir
    if text in names():
        return Pretrained(text)
    raise UserError(f"--workdir={text}: holds no run (there is no {workdir.config.name} in it), and {refusal(text)}")
