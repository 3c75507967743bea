"""The end of a process: one line on stderr, and a status."""

import os
import signal
import sys
import time

from flowconv import process
from flowconv.signals import SIGNALS, stop_signals
from flowconv.words import printable

EXIT_STATUS = 2  # of a mistake in what the program was given
FIRST_RANK_SECONDS = 5.0  # in which the first rank says what all of them found


def fail(message: str) -> None:
    """Prints one line on stderr, on the first rank alone, and ends the process with status 2."""
    end(f"error: {message}", EXIT_STATUS)


def end(message: str, status: int) -> None:
    """Prints one line on stderr and ends the process with this status.

    All ranks find most mistakes at the same time, and the launcher ends the others as soon as one has ended. So a rank
    other than the first waits a while to be ended, and speaks if it isn't: then it alone has something to say.
    """
    stop_signals.ignore()
    if rank_of_environment() > 0:
        for number in SIGNALS:
            signal.signal(number, lambda *_: os._exit(status))
        time.sleep(FIRST_RANK_SECONDS)
    _print(message)
    # Horovod waits at exit for the others, who may be gone.
    process.leave(status) if "horovod" in sys.modules else sys.exit(status)


def leave(message: str, status: int) -> None:
    """Ends the process with this status from any thread, the first rank with one line on stderr."""
    if rank_of_environment() == 0:
        _print(message)
    process.leave(status)


def _print(message):
    print(printable(" ".join(message.split())), file=sys.stderr, flush=True)


def rank_of_environment() -> int:
    """This process' rank as horovodrun or mpirun tell it, 0 without them."""
    for name in ("HOROVOD_RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK"):
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    return 0
