"""The signals with which schedulers announce that a machine is taken away, terminals close, and users stop a run."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

from flowconv.errors import Interrupted

# USR1, USR2 and XCPU are what batch systems send before they kill.
SIGNALS = tuple(signal.Signals[f"SIG{name}"] for name in ("TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "XCPU"))
GRACE_SECONDS = 2.0
BEGINS_AGAIN = "the same command begins again"


class Signals:
    """A context within which these signals stop the work, and do nothing else.

    They do so at once, by an Interrupted wherever the main thread is, or within `deferred` at a place that the work
    chooses. The first one counts; those that follow are ignored, since the stop is under way. What the process was
    told to ignore, as by nohup, stays ignored. The context may be entered again within itself. Off the main thread,
    where Python has no signals, none is received.

    Attributes:
      received: the number of the first signal, 0 while there is none.
      advice: what the Interrupted says that the same command will do.
    """

    def __init__(self):
        self.received, self.advice = 0, BEGINS_AGAIN
        self._entered = self._deferred = 0
        self._before = {}
        self._wakeup = None

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self._entered += 1
            for number in SIGNALS if self._entered == 1 else ():
                if signal.getsignal(number) not in (signal.SIG_IGN, None):  # (None: of a library that isn't Python's)
                    self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_):
        if threading.current_thread() is threading.main_thread():
            self._entered -= 1
            if not self._entered:
                for number, handler in self._before.items():
                    signal.signal(number, handler)
                if self._wakeup is not None:
                    signal.set_wakeup_fd(-1)
                    os.close(self._wakeup)
                self.__init__()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if not self.received:
            self.received = number
            self._check()

    def _check(self):
        if self.received and not self._deferred:
            raise self.interruption(self.received)

    def ignore(self) -> None:
        """Has signals do nothing from now on, also when this context is left, since the work is done."""
        self._before = dict.fromkeys(self._before, signal.SIG_IGN)
        self._deferred += 1

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Has signals noted in `received`, where the work looks, and do nothing else while a block runs."""
        self._deferred += 1
        try:
            yield
        finally:
            self._deferred -= 1

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """Has a signal, also one that came before, stop the work at once while a block runs, also within `deferred`."""
        deferred, self._deferred = self._deferred, 0
        try:
            self._check()
            yield
        finally:
            self._deferred = deferred

    def interruption(self, number: int, place: str = "") -> Interrupted:
        """Returns what ends the work after this signal."""
        return Interrupted(f"stopped by {signal.Signals(number).name}{place}: {self.advice}", number)

    def insist(self, end: Callable[[Interrupted], None]) -> None:
        """Has a signal that is to stop the work at once do so although the main thread hangs in a library.

        Python handles signals in the main thread alone, and between two of its own instructions.

        Args:
          end: ends the process; called in another thread, two seconds after the signal, within this context alone.
        """
        reading, self._wakeup = os.pipe()
        os.set_blocking(self._wakeup, False)
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        threading.Thread(target=self._insist, args=(reading, end), daemon=True).start()

    def _insist(self, descriptor, end):
        with open(descriptor, "rb", buffering=0) as file:  # which signals that follow are still written to
            while (number := file.read(1)) and number[0] not in self._before:
                pass
            while number and self._entered:
                time.sleep(GRACE_SECONDS)
                if self._entered and not self._deferred:
                    end(self.interruption(number[0]))


stop_signals = Signals()  # of this process, as its signals are
