"""SIGTERM and SIGINT, with which schedulers announce that a machine is taken away and users stop a run."""

import signal
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """A context within which these signals are noted and nothing else happens; a second one of a kind acts as ever.

    Attributes:
      received: the number of the first signal that came, 0 while there is none.
    """

    def __init__(self):
        self.received = 0
        self._before = {}

    def __enter__(self):
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = self.received or number
        signal.signal(number, self._before[number])
