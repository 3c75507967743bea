"""Paths that users give, for folders and files of any name. Nothing here imports TensorFlow."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from flowconv.errors import UserError
from flowconv.files import LONGEST_NAME

ROOM = 512  # bytes of a path that the names of files below a given folder may take
LONGEST = 4096 - ROOM  # Linux' own limit less that


def given_path(flag: str, path: str | os.PathLike) -> Path:
    """Returns the path that a user gave, its `~` expanded.

    Args:
      flag: by which it was given, as "--workdir", for what is said of it.
      path: of a file or folder, which need not exist. Any name will do.

    Raises:
      UserError: if it is empty, a URL, or nothing that the file system takes.
    """
    text = os.fspath(path)
    if not text:
        raise UserError(f"{flag} is empty: name a file or folder (. is the current one)")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        raise UserError(f"{flag}={text}: must be on a file system; mount it, or copy from and to it")
    path = Path(os.path.expanduser(text))
    try:
        encoded = os.fsencode(path.absolute())
    except UnicodeEncodeError:  # half of a surrogate pair
        encoded = b"\0"
    except FileNotFoundError:
        raise UserError(f"{flag}={text}: starts from the current folder, which was deleted: go to another") from None
    if b"\0" in encoded:
        raise UserError(f"{flag}={text!a}: has a character that no file system takes")
    if len(encoded) > LONGEST or max(map(len, encoded.split(b"/"))) > LONGEST_NAME:
        limits = f"a path has at most {LONGEST:,} bytes, a name in it {LONGEST_NAME}"
        raise UserError(f"{flag}={text[:60]}…: is too long: {limits}")
    return path


@contextlib.contextmanager
def without_patterns(folder: Path) -> Iterator[str]:
    """Gives a folder that exists another name, in which TensorFlow finds no pattern.

    TensorFlow's functions take `[`, `*`, `?` and a backslash in a path for a pattern, with no way to quote them, and
    read or delete what matches. Through a descriptor of the folder its own name isn't needed (on Linux).
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
