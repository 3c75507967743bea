"""The end of a process that hangs."""

import datetime
import faulthandler
import math
import os
import sys
import threading
import time

from flowconv.distributed import elastic


class Watchdog:
    """Ends this process with the stack of every thread unless it is fed in time.

    Horovod's own stall check never fires under Gloo: without this, one stuck worker would hang all.

    A thread counts the ticks that it was awake for, so that time in which the whole process was stopped, as by SIGSTOP
    or a scheduler overnight, doesn't count. `faulthandler.dump_traceback_later` would be simpler, and would see a hang
    in C that holds the interpreter's lock; but it counts that time, and ends a process in the moment it is continued.
    Of such a hang the other workers, which wait for this one, end the job.
    """

    def __init__(self, seconds: float):
        self.seconds = seconds
        self.patient_seconds = 10.0 * seconds  # for what takes long: tracing, a batch of an evaluation, a picture
        self._tick = min(1.0, seconds / 10.0)
        self._awake = 0.0  # so long; only the thread writes it
        self._end = math.inf  # when it ends the process, on that clock
        self._given = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def feed(self, patient: bool = False) -> None:
        """Gives the next stretch of work its time."""
        self._given = self.patient_seconds if patient else self.seconds
        self._end = self._awake + self._given
        if not self._thread.is_alive() and not self._stopped.is_set():
            self._thread.start()

    def stop(self) -> None:
        """Cancels the watchdog."""
        self._stopped.set()

    def _watch(self):
        before = time.monotonic()
        while not self._stopped.wait(self._tick):
            now = time.monotonic()
            self._awake += min(now - before, 2.0 * self._tick)
            before = now
            if self._awake > self._end:
                self._bite()

    def _bite(self):
        try:
            print(f"Timeout ({datetime.timedelta(seconds=round(self._given, 1))})!", file=sys.__stderr__, flush=True)
            faulthandler.dump_traceback(sys.__stderr__)
            elastic.end_job()
        finally:
            os._exit(1)
