"""Other runs on the same images, as far as their folders lie beside that of a run."""

import datetime
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from flowconv.errors import UserError
from flowconv.files import read_json
from flowconv.training.results import better_bits_per_dim
from flowconv.workdir import Workdir

MOST = 30
SAME = ("name", "version", "test")  # of the data set: else bits/dim do not compare


@dataclass(frozen=True)
class EarlierRun:
    """A finished run.

    Attributes:
      name: of its folder.
      config: it was trained with.
      results: what results.json holds.
      bits_per_dim: of the test split, with the weights that were better on the validation split.
      written: the day of its results.
    """

    name: str
    config: ConfigDict
    results: dict[str, Any]
    bits_per_dim: float
    written: str


def runs_beside(workdir: Workdir, results: dict[str, Any]) -> list[EarlierRun]:
    """Returns the runs in the folder of a run's folder that were tested on the same images, the best one first.

    Args:
      workdir: of the run, which is not among them.
      results: its own.
    """
    found = []
    for path in _siblings(workdir):
        if path.name != workdir.name and os.path.isfile(path / "results.json"):  # no error of a folder that is closed
            run = _run(Workdir(path), results)
            found += [run] if run else []
    return sorted(found, key=lambda run: run.bits_per_dim)[:MOST]


def _siblings(workdir):
    try:
        return sorted(workdir.path.absolute().parent.iterdir())
    except OSError:  # it may be entered, and not listed
        return []


def _run(workdir, results):
    try:
        config, own = workdir.load_config(), read_json(workdir.results)
        bits_per_dim = better_bits_per_dim(own)
        same = all(own["dataset"][name] == results["dataset"][name] for name in SAME)
    except (UserError, OSError, ArithmeticError, LookupError, TypeError, ValueError):  # damaged, or of another version
        return None
    if not same or bits_per_dim is None:
        return None
    return EarlierRun(workdir.name, config, own, bits_per_dim, day_of(workdir.results))


def day_of(path: Path) -> str:
    """Returns the day on which a file was written."""
    return datetime.datetime.fromtimestamp(path.stat().st_mtime).date().isoformat()
