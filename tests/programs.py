"""Programs of the repository run in this process, which saves the import of TensorFlow."""

import runpy
import sys
from pathlib import Path
from unittest import mock

import pytest

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


def refusal(script: str, *arguments: str) -> str:
    """Returns the line with which a program refuses its arguments, with status 2."""
    with pytest.raises(Ended, match=r"^error: ") as ended:
        run_here(script, *arguments)
    assert ended.value.status == 2
    return str(ended.value)


def flags_of(script: str) -> list[str]:
    """Returns the names of a program's own flags, --config aside."""
    return [flag.name for flag in registry.load(registry.modules()[Path(script).stem]).flags]
