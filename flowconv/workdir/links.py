"""Links in the folder of a run that somebody else may have made."""

import os
from pathlib import Path

from flowconv.errors import UserError


def refuse_links_out(flag: str, folder: Path) -> None:
    """Refuses files of a run that are links to files elsewhere, which would be read, or written over.

    A link to a folder may lead anywhere: checkpoints may lie on another disk.

    Args:
      flag: by which the folder was given.
      folder: of the run; its own folders are looked through, too.

    Raises:
      UserError: naming the first such link.
    """
    inside = folder.resolve()
    for entry in _entries(folder):
        if entry.is_symlink() and not entry.is_dir() and not Path(entry.path).resolve().is_relative_to(inside):
            target = os.readlink(entry.path)
            raise UserError(f"{flag}={folder}: {entry.name} is a link to {target}: put the file itself in its place")


def _entries(folder, depth=2):
    """What is in a folder and in its own ones, so many levels down: TensorBoard's files lie two below."""
    if folder.is_dir():
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            yield entry
            if depth and entry.is_dir():
                yield from _entries(Path(entry.path), depth - 1)
