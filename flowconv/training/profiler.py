"""A trace of some steps by TensorFlow's profiler."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import tensorflow as tf

from flowconv.errors import warn
from flowconv.files import said_of
from flowconv.words import counted

WARM_UP = 5  # steps before: the first is traced and compiled, and what is allocated settles


class Profiler:
    """A trace of some steps of a run, written for TensorBoard's tab `profile`; of one worker.

    Args:
      steps: how many; with 0 it does nothing.
      folder: TensorBoard's of the run.
      say: prints the line that tells where the trace is.
    """

    def __init__(self, steps: int = 0, folder: Path = Path(), say: Callable[[str], None] = print):
        self._steps, self._folder, self._say = steps, folder, say
        self._taken = 0
        self._traced = 0  # steps
        self._going = False

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """Has a block count as one step, and traces it if its turn has come."""
        if self._taken == WARM_UP and self._steps:
            self._attempt(lambda: tf.profiler.experimental.start(str(self._folder)), going=True)
        trace = tf.profiler.experimental.Trace("step", step_num=self._taken, _r=1)
        with trace if self._going else contextlib.nullcontext():
            yield
        self._taken += 1
        self._traced += self._going
        if self._traced == self._steps:
            self.close()

    def close(self) -> None:
        """Writes the trace of the steps so far, if one is going on, and says where it is, or that there is none."""
        if self._going and self._attempt(tf.profiler.experimental.stop, going=False):
            self._say(
                f"profile of steps {WARM_UP + 1} to {WARM_UP + self._traced}: {self._folder}/plugins/profile; "
                f"tensorboard --logdir={self._folder}, with the package tensorboard-plugin-profile"
            )
        elif self._steps and self._taken <= WARM_UP:
            taken = counted(self._taken, "step")
            self._say(f"there is no profile: the run went on for {taken}, and the first {WARM_UP} are not traced")

    def _attempt(self, act, going):
        """Whether it could be done: no run ends for want of its profile."""
        self._going = going
        try:
            act()
        except (OSError, tf.errors.OpError) as error:
            self._going = False
            warn(f"there is no profile: {said_of(error)}")
            return False
        return True
