"""The sessions of a run, kept in sessions.json: by which command, of which code, where, and when it was trained."""

import datetime
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from flowconv import __version__
from flowconv.errors import UserError
from flowconv.files import read_json, write_json
from flowconv.workdir.workdir import Workdir

MOST = 100  # sessions kept: an elastic job has many
LONGEST = 2000  # characters of a command
ROOT = Path(__file__).resolve().parents[2]


def begin(workdir: Workdir, images_seen: int, ranks: int, device: str) -> None:
    """Adds a session to those of a run.

    Args:
      workdir: of the run.
      images_seen: where it begins, or goes on.
      ranks: how many train.
      device: what each of them computes on.

    Raises:
      UserError: if the file can't be written.
    """
    launcher = f"horovodrun -np {ranks} " if ranks > 1 else ""
    session = {
        "started": _now(),
        "command": launcher + shlex.join(["python", *sys.argv])[:LONGEST],
        "commit": commit(),
        "version": __version__,
        "machine": f"{device}, {platform.system()} {platform.machine()}",
        "ranks": ranks,
        "images_seen": images_seen,
        "ended": None,
        "finished": False,
    }
    write_json(workdir.sessions, [*of(workdir)[-MOST:], session])


def end(workdir: Workdir, finished: bool) -> None:
    """Says that the last session has ended, and whether the run is finished.

    Raises:
      UserError: if the file can't be written.
    """
    sessions = of(workdir)
    if sessions:
        write_json(workdir.sessions, [*sessions[:-1], sessions[-1] | {"ended": _now(), "finished": finished}])


def of(workdir: Workdir) -> list[dict[str, Any]]:
    """Returns the sessions of a run, the last one at the end: none, where no file of them can be read."""
    try:
        found = read_json(workdir.sessions)
    except UserError:
        return []
    return [session for session in found if isinstance(session, dict)] if isinstance(found, list) else []


def commit() -> str:
    """Returns the commit that this code is of, with -dirty if files differ from it; "" where no checkout is."""
    if not (ROOT / ".git").exists():
        return ""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        quiet = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
        found = subprocess.run(command, capture_output=True, timeout=10, check=True, env=quiet)
        return found.stdout.decode("ascii", errors="replace").strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _now():
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")
