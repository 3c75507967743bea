"""Programs of the repository run in this process, which saves the import of TensorFlow."""

import runpy
import sys
from pathlib import Path
from unittest import mock

from flowconv import process
from flowconv.cli import ending, registry
from tests.runs import ROOT


class Ended(Exception):
    """The program ended with a line on stderr and this status."""

    def __init__(self, line: str, status: int):
        super().__init__(line)
        self.status = status


def run_here(script: str, *arguments: str) -> None:
    """Runs a program; what it prints is for capsys.

    Raises:
      Ended: if it ends other than well.
    """

    def end(line, status):
        raise Ended(line, status)

    with (
        mock.patch.object(sys, "argv", [str(ROOT / script), *map(str, arguments)]),
        mock.patch.object(ending, "end", end),
        mock.patch.object(process, "prepare"),
    ):
        runpy.run_path(str(ROOT / script), run_name="__main__")


def flags_of(script: str) -> list[str]:
    """Returns the names of a program's own flags, --config aside."""
    return [flag.name for flag in registry.load(registry.modules()[Path(script).stem]).flags]
