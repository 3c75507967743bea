"""Programs of the repository run in this process, which saves the import of TensorFlow."""

import contextlib
import runpy
import sys
from collections.abc import Iterator
from unittest import mock

from flowconv import command_line, flags, process
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
    with _started(script, *arguments):
        runpy.run_path(str(ROOT / script), run_name="__main__")


def flags_of(script: str) -> list[str]:
    """Returns the names of a program's own flags."""
    with _started(script), mock.patch.object(command_line, "run"):
        runpy.run_path(str(ROOT / script), run_name="__main__")
        return [flag.name for flag in flags.FLAGS.get_flags_for_module(str(ROOT / script))]


@contextlib.contextmanager
def _started(script, *arguments) -> Iterator[None]:
    def end(line, status):
        raise Ended(line, status)

    before = set(flags.FLAGS)
    try:
        with (
            mock.patch.object(sys, "argv", [str(ROOT / script), *map(str, arguments)]),
            mock.patch.object(command_line, "end", end),
            mock.patch.object(process, "prepare"),
        ):
            yield
    finally:
        for name in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, name)
