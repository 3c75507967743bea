"""One job a workdir."""

import contextlib
import datetime
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from flowconv.errors import UserError, warn


@contextlib.contextmanager
def locked(path: Path, folder: str) -> Iterator[None]:
    """Holds a lock while a block runs; the system releases it when this process ends, however it does.

    Args:
      path: a file, which stays, and tells who holds the lock.
      folder: that it locks, with its flag, for what is said.

    Raises:
      UserError: if another process holds it, or the file can't be written.
    """
    try:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b", buffering=0)
    except OSError as error:
        raise UserError(f"{folder}: can't be written ({error.strerror})") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(_in_use(file, folder)) from None
        except OSError as error:  # a file system without locks
            warn(f"{folder}: can't be locked ({error.strerror}): see to it that no other job writes there")
        this_process = f"process {os.getpid()} on {socket.gethostname()}"
        before = _holder(file)
        if before and not before.startswith(f"{this_process}, "):  # (which begins anew in an elastic job)
            warn(f"{folder}: {before}, ended without a word: its lock is taken over")
        _write(file, f"{this_process}, started {datetime.datetime.now():%Y-%m-%d %H:%M:%S}\n")
        try:
            yield
        finally:
            _write(file, "")


def refuse_if_locked(path: Path, folder: str) -> None:
    """Takes nothing; raises UserError if another process holds the lock. Arguments as of `locked`."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(_in_use(file, folder)) from None


def _in_use(file, folder):
    who = _holder(file) or "another process"
    return f"{folder}: {who}, is writing there: wait for its end, stop it, or choose another folder"


def _holder(file):
    file.seek(0)
    return " ".join(file.read(200).decode(errors="replace").split())


def _write(file, text):
    with contextlib.suppress(OSError):  # a full disk; the lock is held all the same
        file.seek(0)
        file.truncate()
        file.write(text.encode(errors="replace"))
