"""The training loop: a step, and what may follow one."""

import contextlib
import time
from dataclasses import dataclass, field

from ml_collections import ConfigDict

from flowconv import distributed
from flowconv.distributed import elastic
from flowconv.errors import UserError
from flowconv.signals import stop_signals
from flowconv.training.control_flags import ControlFlags
from flowconv.training.profiler import Profiler
from flowconv.training.progress import Meter
from flowconv.training.rollback import roll_back
from flowconv.training.run_logger import RunLogger
from flowconv.training.state import RunState
from flowconv.training.stopping import Stopper
from flowconv.training.stream import TrainingStream
from flowconv.training.validation import Validation
from flowconv.workdir import Workdir


@dataclass
class TrainingLoop:
    """The loop over steps, from the images that a run has seen to those that it is to see.

    After a step a run may evaluate, write a checkpoint, roll back, stop, or restart its workers. All workers do so
    together: each learns in the exchange of a step what any of them asks for.

    Args:
      settings: `config.train`.
      learning_rate: at its peak.
      state: of the run.
      stream: of training images.
      validation: which keeps the best weights.
      logger: of the run.
      stopper: ends the run after a signal.
      watchdog: ends a worker that hangs.
      workdir: where checkpoints go.
      profiler: traces some steps.
    """

    settings: ConfigDict
    learning_rate: float
    state: RunState
    stream: TrainingStream
    validation: Validation
    logger: RunLogger
    stopper: Stopper
    watchdog: distributed.Watchdog
    workdir: Workdir
    profiler: Profiler = field(default_factory=Profiler)

    def __post_init__(self):
        self.host_updates = elastic.HostUpdates()
        self.traced, self.last_checkpoint = False, time.monotonic()

    def run(self) -> float:
        """Trains; returns the rate in images/s over all workers, evaluations not counted."""
        self.host_updates.listen()
        self.begin()
        with contextlib.closing(self.profiler):
            while True:
                if self.validation.is_due(self.seen):
                    self.evaluate()
                if self.seen >= self.settings.images:
                    self.finish()
                    return self.meter.images_per_second
                with self.profiler.step():
                    asked = self.step()
                if asked.roll_back:
                    self.roll_back()
                elif asked.stop:
                    self.stopper.stop()
                elif asked.restart:
                    self.checkpoint()
                    raise elastic.WorkersChanged  # all workers join anew
                elif time.monotonic() - self.last_checkpoint > self.settings.checkpoint_seconds:
                    self.checkpoint()

    def begin(self) -> None:
        """Takes up the stream where the state is in it."""
        self.seen = int(self.state.images_seen)
        self.batches = self.stream.batches(self.seen)
        self.meter = Meter()

    def step(self) -> ControlFlags:
        """Takes a step, and notes its figures; returns what any worker asks for."""
        self.watchdog.feed(patient=not self.traced)
        self.batch = next(self.batches)
        started = time.monotonic()
        with contextlib.nullcontext() if self.traced else self.stopper.while_tracing():
            figures = self.state.step(self.batch, self.control_flags().tensor())
        asked = ControlFlags.of_means(figures.pop("control_flags"))
        figures = {name: float(value) for name, value in figures.items()}
        seconds = time.monotonic() - started
        self.state.seconds.assign_add(seconds)
        self.seen += self.stream.global_batch_size
        skipped = bool(figures.pop("skipped"))
        self.state.divergence.observe(skipped, figures["gradient_norm"])
        if not asked.roll_back:
            if not skipped:  # figures of a skipped step are NaN or infinite
                timed = self.traced  # the first step's seconds are those of tracing and compiling
                self.meter.add(figures, self.stream.global_batch_size * timed, seconds * timed)
            self.logger.step(self.seen, figures["bits_per_dim"], self.meter)
        self.traced = True
        return asked

    def control_flags(self) -> ControlFlags:
        """Returns what this worker asks for."""
        return ControlFlags(
            stop=stop_signals.received > 0,
            restart=self.host_updates.came,
            roll_back=self.state.divergence.reason is not None,
        )

    def evaluate(self) -> None:
        """Scores the weights on the validation split, and keeps the best; a mistake there loses nothing of the run."""
        try:
            with self.stopper.between_pieces():
                self.validation.run(self.seen, self.logger)
        except Exception:
            with contextlib.suppress(UserError):  # that of the evaluation is the one to tell
                self.checkpoint()
            raise

    def checkpoint(self) -> None:
        """Writes a checkpoint, unless steps are being skipped, so that every one is a safe point to roll back to."""
        self.last_checkpoint = time.monotonic()
        self.watchdog.feed(patient=True)
        if distributed.is_root():
            self.workdir.check_unmoved()
            if not self.state.divergence.skipped and self.state.checkpoints.save(int(self.state.images_seen)):
                self.stopper.note_checkpoint()

    def roll_back(self) -> None:
        """Goes back to the last checkpoint, with a lower learning rate."""
        self.watchdog.feed(patient=True)
        roll_back(self.state, self.logger, self.workdir, self.learning_rate, self.batch, self.seen)
        self.begin()

    def finish(self) -> None:
        """Writes the last checkpoint, after which there is still time to stop."""
        self.checkpoint()
        if max(distributed.gather(stop_signals.received)):  # waits for the first worker, which writes
            self.stopper.stop()
