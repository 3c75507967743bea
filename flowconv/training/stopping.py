"""The end of a run after a signal."""

import contextlib
from collections.abc import Callable, Iterator
from typing import NoReturn

import tensorflow as tf

from flowconv import distributed
from flowconv.signals import stop_signals
from flowconv.utils.progress_bar import working


class Stopper:
    """Ends a run after a signal that came to any worker, between two pieces of its work.

    Args:
      images_seen: variable, for the line that is said.
      watchdog: is fed before each piece.

    Attributes:
      checkpoint: writes one, while there is something to keep; None otherwise.
    """

    def __init__(self, images_seen: tf.Variable, watchdog: distributed.Watchdog):
        self._images_seen = images_seen
        self._watchdog = watchdog
        self.checkpoint: Callable[[], None] | None = None

    def note_checkpoint(self) -> None:
        """Notes that a checkpoint has all that was done so far: what is said at the end tells of it."""
        stop_signals.advice = f"the same command goes on from the checkpoint at {int(self._images_seen):,} images"

    @contextlib.contextmanager
    def while_tracing(self) -> Iterator[None]:
        """Tells of the first step, which may be compiled for minutes; a signal ends it at once, as nothing is lost."""
        with stop_signals.at_once(), working("tracing and compiling the first step", distributed.is_root()):
            yield

    def before_piece(self) -> None:
        """Called on all workers before a batch of an evaluation, or a picture.

        Raises:
          StopRequested: if a signal came to any worker.
        """
        self._watchdog.feed(patient=True)
        if distributed.total(tf.constant(stop_signals.received)) > 0:
            raise StopRequested

    @contextlib.contextmanager
    def between_pieces(self) -> Iterator[None]:
        """Ends the run after a StopRequested within the block, by which the weights are no longer swapped."""
        try:
            yield
        except StopRequested:
            self.stop()

    def stop(self) -> NoReturn:
        """Ends the run on all workers, with a checkpoint.

        Raises:
          Interrupted: always.
        """
        if self.checkpoint is not None:
            self.checkpoint()
        number = max(distributed.gather(stop_signals.received))  # waits for the first worker, which writes
        raise stop_signals.interruption(number, f" at {int(self._images_seen):,} images")


class StopRequested(Exception):
    """A signal came to a worker."""
