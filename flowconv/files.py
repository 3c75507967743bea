"""Files that are whole or as they were before, and disks without room for them."""

import contextlib
import errno
import itertools
import json
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flowconv.errors import UserError

NO_ROOM = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
LONGEST_NAME = 255  # bytes of a file's name
_UNFINISHED = re.compile(r"\.[0-9a-f]{8}\.part$")
_ABANDONED = 3600.0  # seconds after which nobody goes on with one


def lacks_room(error: BaseException) -> bool:
    """Whether `error` says that a disk is full, a quota used up, or a limit on files reached.

    TensorFlow reports these as it reports memory that is exhausted, and tells them in the system's words alone.
    """
    return any(reason in str(error) for reason in NO_ROOM)


@contextlib.contextmanager
def room_needed() -> Iterator[None]:
    """Has a disk that turns out to be full called so, whatever a block writes.

    Raises:
      UserError: then.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not lacks_room(error):
            raise
        raise UserError(
            f"a disk is full ({said_of(error)}): free some space, and start the same command again"
        ) from error


def said_of(error: BaseException) -> str:
    """Returns what `error` says in its first line, without TensorFlow's names of operations."""
    return re.sub(r"\{\{.*?\}\} | \[Op:.*", "", str(error).strip().partition("\n")[0])


def write_text(path: Path, text: str) -> None:
    """Writes a text file in UTF-8, whole or not at all; names of files in it keep the bytes they have.

    Raises:
      UserError: if it can't be written.
    """
    write_bytes(path, text.encode(errors="surrogateescape"))


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file, whole or not at all.

    Raises:
      UserError: if it can't be written.
    """
    temporary = path.with_name(_unfinished_name(path.name))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror or error}") from error


def check_writable(flag: str, folder: Path) -> None:
    """Checks that a folder, which need not be there, can be made and written; makes nothing.

    Raises:
      UserError: if it can't, with the flag by which it was given.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise UserError(f"{flag}={folder}: can't be written ({error.strerror})") from error


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[None]:
    """Makes a folder that a block fills; if that fails, or is stopped, it is as it was before: empty, or not there."""
    was_there = path.exists()
    try:
        path.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        if was_there:
            path.mkdir(exist_ok=True)
        raise


def _unfinished_name(name: str) -> str:
    """A name that no other process takes, on this machine or another one, however long the file's own is."""
    ending = f".{secrets.token_hex(4)}.part"
    return os.fsdecode(os.fsencode(name)[: LONGEST_NAME - len(ending)]) + ending


def remove_unfinished(folder: Path) -> None:
    """Removes what processes that were killed had begun to write there: files an hour old that are called so."""
    with contextlib.suppress(OSError):  # there is no such folder, or it is another user's
        for entry in os.scandir(folder):
            if _UNFINISHED.search(entry.name):
                age = time.time() - entry.stat(follow_symlinks=False).st_mtime
                if age > _ABANDONED:
                    os.unlink(entry)


def read_json(path: Path) -> Any:
    """Returns what `write_json` wrote.

    Raises:
      UserError: if the file can't be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} can't be read: {error}") from error


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as JSON, whole or not at all.

    Raises:
      UserError: if the folder can't be written.
    """
    write_text(path, json.dumps(value, indent=2) + "\n")


def append_text(path: Path, text: str) -> None:
    """Adds to the end of a text file, all of it or nothing.

    Raises:
      UserError: if it can't be written.
    """
    content = text.encode()
    try:
        with path.open("ab", buffering=0) as file:  # what is buffered would be tried again when it is closed
            end = file.seek(0, os.SEEK_END)
            try:
                while content:
                    content = content[file.write(content) :]
            except OSError:
                file.truncate(end)
                raise
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror or error}") from error


def set_aside(path: Path) -> Path:
    """Renames a file or folder that is in the way, or damaged; returns its new path, with a number if need be.

    Raises:
      UserError: if it can't be renamed.
    """
    names = (f"{path.name}.damaged{number}" for number in itertools.chain([""], (f"-{n}" for n in itertools.count(2))))
    aside = next(there for name in names if not os.path.lexists(there := path.with_name(name)))
    try:
        return path.rename(aside)
    except OSError as error:
        raise UserError(f"{path} can't be renamed: {error.strerror or error}") from error
