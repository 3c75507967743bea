"""Elastic jobs (`horovodrun --min-np … --host-discovery-script …`): workers that come and go.

Horovod's own elastic loop keeps the process and its graph, and starts Horovod anew inside. Here a worker becomes a new
process instead (the same one, with the same number, by `exec`): it asks the driver for its new rank, and goes on from
the checkpoint, exactly as after any other interruption. Nothing of a broken exchange, and nothing that was traced for
another number of workers, is left over. What Horovod 0.28 has for this loses errors of grouped exchanges, and does not
bring the variables of a new worker up to date.
"""

import contextlib
import os
import sys
import threading
import urllib.request
from typing import NoReturn

import psutil

REJOINING = "FLOWCONV_REJOINING"  # set in the environment of a process that was in the job before
PATIENCE_SECONDS = 600.0  # for the driver to have all workers together, as its own
_FIELDS = ("RANK", "SIZE", "LOCAL_RANK", "LOCAL_SIZE", "CROSS_RANK", "CROSS_SIZE")


class WorkersChanged(Exception):
    """Hosts came or are to go: the workers are to join anew."""


def is_elastic() -> bool:
    """Whether this process is a worker of an elastic job."""
    return os.environ.get("HOROVOD_ELASTIC") == "1"


def take_new_rank() -> bool:
    """Asks the driver for this process' place in the job, which then stands in the environment, where Horovod looks.

    Waits for every other worker to ask, too, or to end. Does nothing in a process that has just been started.

    Returns:
      False if there is no place for this process any more.

    Raises:
      OSError, HTTPException: if the driver is gone.
    """
    if not is_elastic() or os.environ.pop(REJOINING, None) is None:
        return True
    address, port = (os.environ[f"HOROVOD_GLOO_RENDEZVOUS_{name}"] for name in ("ADDR", "PORT"))
    place = f"{os.environ['HOROVOD_HOSTNAME']}:{os.environ['HOROVOD_LOCAL_RANK']}"
    with urllib.request.urlopen(f"http://{address}:{port}/rank_and_size/{place}", timeout=PATIENCE_SECONDS) as answer:
        numbers = answer.read().decode().split(",")
    if int(numbers[0]) < 0:
        return False
    os.environ.update({f"HOROVOD_{name}": number for name, number in zip(_FIELDS, numbers, strict=True)})
    return True


def rejoin() -> NoReturn:
    """Becomes a new process that joins the job again; does not return."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.environ[REJOINING] = "1"
    # The old connections, which others wait for to close, end with this program, and not before: Horovod's threads,
    # which still read from them, would abort the process.
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor > 2:
            with contextlib.suppress(OSError):  # that of the listing itself is closed by now
                os.set_inheritable(descriptor, False)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def end_job() -> None:
    """Ends an elastic job in which a worker is stuck, if horovodrun runs on this machine.

    Its driver waits for every worker to ask for a new rank or to end, for ever if one has been stopped. Elsewhere the
    worker can't reach it.
    """
    if is_elastic():
        for process in psutil.Process().parents():
            with contextlib.suppress(psutil.Error):
                if any(os.path.basename(word) == "horovodrun" for word in process.cmdline()[:3]):
                    process.terminate()


class HostUpdates:
    """Hears from the driver, on the first worker alone, that hosts came or are to go.

    Attributes:
      came: whether it has.
    """

    def __init__(self):
        self._event = threading.Event()

    def listen(self) -> None:
        """Tells the driver where to reach this process, in an elastic job."""
        if is_elastic():
            from horovod.common.elastic import notification_manager

            notification_manager.init()
            notification_manager.register_listener(self)

    def on_hosts_updated(self, timestamp: int, result: int) -> None:
        """Called by Horovod."""
        self._event.set()

    @property
    def came(self) -> bool:
        """Whether the driver has told so."""
        return self._event.is_set()
