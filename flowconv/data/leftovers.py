"""What is in the cache and nobody uses: unfinished folders of killed processes, copies of data that have changed.

Who writes holds the cache's lock together with others; who removes holds it alone, or leaves everything where it is.
The system frees the locks of a process that is gone, on network disks, too.
"""

import contextlib
import fcntl
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from flowconv.errors import UserError

LOCK = ".lock"
_held: dict[Path, object] = {}  # files open for as long as the process lives, by path


@contextlib.contextmanager
def writing(cache: Path) -> Iterator[None]:
    """Within it, nobody removes what this process is writing below `cache`, which is made.

    Raises UserError if it can't be written.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with open(cache / LOCK, "a", encoding="utf-8") as file:
            _lock(file, fcntl.LOCK_SH)
            yield
    except OSError as error:
        raise UserError(
            f"--config.data.cache_dir={cache}: can't be written ({error.strerror or error}); "
            "name a folder on a disk with room"
        ) from error


def remove(cache: Path, find: Callable[[], Iterable[Path]]) -> None:
    """Removes the folders below `cache` that `find` names, unless somebody is writing there, or it is another's."""
    with contextlib.suppress(OSError):
        if folders := list(find()):
            with open(cache / LOCK, "a", encoding="utf-8") as file:
                if _lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    for folder in folders:
                        shutil.rmtree(folder, ignore_errors=True)


def unfinished(cache: Path) -> Iterator[Path]:
    """Folders that were being written, by us and by tensorflow_datasets."""
    yield from cache.glob(".decoding-*")
    yield from (cache / "records").glob("**/incomplete.*")


def hold(path: Path) -> None:
    """Has a file count as used, by whatever process on whatever machine, while this process lives."""
    if path not in _held:
        with contextlib.suppress(OSError):
            _held[path] = open(path, encoding="utf-8")  # noqa: SIM115, it is to stay open
            _lock(_held[path], fcntl.LOCK_SH | fcntl.LOCK_NB)


def is_held(path: Path) -> bool:
    """Whether a process uses a file."""
    with open(path, "r+", encoding="utf-8") as file:  # network disks want it writable
        return not _lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock(file, kind: int) -> bool:
    """Whether a file could be locked: others may hold it, and some file systems have no locks."""
    try:
        fcntl.flock(file, kind)
    except OSError:
        return False
    return True
