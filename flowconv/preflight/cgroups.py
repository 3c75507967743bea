"""The memory that a scheduler or container leaves to a process."""

import contextlib
from pathlib import Path


def memory_limit(root: Path = Path("/")) -> float:
    """Returns the lowest limit of the groups that this process is in, bytes; infinity if there is none.

    Both versions of Linux' control groups are read, and all groups around the innermost.
    """
    limit = float("inf")
    for folder, file in _groups(root):
        with contextlib.suppress(OSError, ValueError):  # no such file, or "max" in it
            limit = min(limit, int((folder / file).read_text(encoding="utf-8")))
    return limit


def _groups(root):
    mounted = root / "sys/fs/cgroup"
    yield mounted, "memory.max"
    yield mounted / "memory", "memory.limit_in_bytes"
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, group = line.split(":", 2)
            version_1 = "memory" in controllers.split(",")
            base, file = (mounted / "memory", "memory.limit_in_bytes") if version_1 else (mounted, "memory.max")
            if version_1 or not controllers:
                folder = base / group.lstrip("/")
                yield from ((around, file) for around in (folder, *folder.parents) if around.is_relative_to(base))
