"""One run, from its start or its last checkpoint to its results."""

import contextlib
import signal
import time

import tensorflow as tf
from ml_collections import ConfigDict

from flowconv import configuration, data
from flowconv.errors import Interrupted, UserError
from flowconv.evaluation import Evaluator
from flowconv.files import lacks_room
from flowconv.training import distributed, elastic, preflight
from flowconv.training.metrics import Meter
from flowconv.training.records import Records
from flowconv.training.report import draw, print_table
from flowconv.training.results import importance_weighted_results, test_results, training_results
from flowconv.training.rollback import roll_back
from flowconv.training.signals import Signals
from flowconv.training.state import RunState
from flowconv.training.step import uses_xla
from flowconv.training.validation import Validation
from flowconv.training.workdir import Workdir, write_json


class Trainer:
    """One run: its state, data and files, and the loop over them.

    Args:
      config: validated.
      workdir: checked.
      images: the three splits.
      signals: those that shall end the run (default: none does).
    """

    def __init__(self, config: ConfigDict, workdir: Workdir, images: data.ImageData, signals: Signals | None = None):
        self.config = config
        self.signals = signals or Signals()
        self.host_updates = elastic.HostUpdates()
        self.workdir = workdir
        self.images = images
        self.watchdog = distributed.Watchdog(config.train.watchdog_seconds)
        self.watchdog.feed(patient=True)
        self.training = False
        self.last_checkpoint, self.saved = time.monotonic(), 0
        self.batch_size = configuration.images_per_rank(config)
        self.state = RunState(config, workdir)
        self.evaluator = Evaluator(
            self.state.flow,
            batch_size=config.evaluation.batch_size,
            seed=config.evaluation.seed,
            rank=distributed.rank(),
            world_size=distributed.size(),
            total=distributed.total,
            maximum=distributed.maximum,
            jit_compile=uses_xla(config),
            between=self._between_batches,
        )
        self.validation = Validation(self.state, self.evaluator, images.splits["validation"], config, workdir)

    def run(self) -> dict:
        """Starts or goes on, trains to the budget, and reports; returns the results."""
        state = self.state
        with state.step.traced_beside(self.batch_size, len(self._requests())):
            restored = distributed.on_root(state.checkpoints.restore)
            if not restored:
                self._initialize()
            preflight.agree_on_variables(state.variables)
            distributed.broadcast(state.variables)
            preflight.agree_on_values(state.variables)
        self.records = Records(state, self.config, self.workdir, self.images, restored)
        self.saved = int(state.images_seen)
        finished_before = self.saved >= self.config.train.images
        state.images_a_step.assign(self.batch_size * distributed.size())
        if not restored:
            self.save()
        self.host_updates.listen()
        try:
            self.training = True
            images_per_second = self._train()
        except Exception as error:
            if lacks_room(error):
                with contextlib.suppress(UserError):  # if there is no room for this either
                    self.save()
            raise
        finally:
            self.records.progress.close()
        self.training = False  # from here on the weights are the best ones, not the last
        figures = {
            "images_per_second": images_per_second or float(state.images_seen) / float(state.seconds),
            "images_trained": int(state.images_seen),
            "seconds": float(state.seconds),
        }
        try:
            results = self._test() | figures
            if finished_before:
                results |= distributed.on_root(lambda: training_results(self.workdir))
        except _StopAtOnce:
            self._end(self.signals.received)
        self.records.test(results)
        self._finish(results, self.workdir.results)
        return results

    def evaluate(self, samples: int = 1) -> dict:
        """Evaluates the best weights of a run; returns the results, with a tighter bound if there are more samples."""
        results = self._test()
        if samples > 1:
            results |= importance_weighted_results(self.state, self.evaluator, self.images, samples)
        self._finish(results, self.workdir.evaluation)
        return results

    def _test(self):
        self.state.restore_best()
        self.watchdog.feed(patient=True)
        return test_results(self.state, self.evaluator, self.images, self.config)

    def _finish(self, results, path):
        if distributed.is_root():
            self.workdir.check_unmoved()
            with self.state.better_weights():
                draw(self.state.flow, self.images.splits["test"], self.config, self.workdir)
            write_json(path, results)
            print_table(results, self.workdir)
        self.watchdog.stop()

    def _initialize(self):
        """Draws the weights, and sets what depends on data from the first images of the stream, over all workers."""
        images, rank, size = self.config.train.initialization_images, distributed.rank(), distributed.size()
        begin, end = (images * r // size for r in (rank, rank + 1))
        part = max(1, end - begin)  # a worker without any takes one along, which doesn't count
        pixels, first = next(iter(self._stream(batch_size=part, start=begin, rank=0, world_size=1)))
        weight = (end - begin) * size / images
        self.state.step.initialize(
            self.state.flow.dequantize(pixels, self.config.seed, first),
            average=lambda mean: distributed.average(weight * mean),
        )

    def _batches(self, batch_size, start):
        return iter(self._stream(batch_size, start, distributed.rank(), distributed.size()))

    def _stream(self, batch_size, start, rank, world_size):
        return data.training_batches(
            self.images.splits["train"],
            batch_size=batch_size,
            seed=self.config.seed,
            start=start,
            rank=rank,
            world_size=world_size,
        )

    def _train(self) -> float:
        """The loop; returns the training rate in images/s over all workers, evaluations not counted."""
        state, budget = self.state, self.config.train.images
        batches = self._batches(self.batch_size, int(state.images_seen))
        meter = Meter()
        traced = False
        while True:
            seen = int(state.images_seen)
            if self.validation.is_due(seen):
                self._validate(seen)
            if seen >= budget:
                self.save()
                return meter.images_per_second
            self.watchdog.feed(patient=not traced)
            pixels, first = next(batches)
            started = time.monotonic()
            figures = state.step(pixels, first, self._requests())
            stop, change, trouble = figures.pop("requests").numpy()
            figures = {name: float(value) for name, value in figures.items()}
            elapsed = time.monotonic() - started
            state.seconds.assign_add(elapsed)
            images = self.batch_size * distributed.size()
            seen += images
            skipped = bool(figures.pop("skipped"))
            state.guard.observe(skipped, figures["gradient_norm"])
            if trouble > 0:
                self.watchdog.feed(patient=True)
                roll_back(state, self.records, self.config, self.workdir, pixels.numpy(), seen)
                batches, meter = self._batches(self.batch_size, int(state.images_seen)), Meter()
                continue
            if not skipped:  # whose figures are no figures
                meter.add(figures, images if traced else 0, elapsed if traced else 0.0)
            traced = True
            self.records.step(seen, figures["bits_per_dim"], meter)
            if stop > 0:
                self._interrupt()
            if change > 0:
                self.save()
                raise elastic.WorkersChanged
            if time.monotonic() - self.last_checkpoint > self.config.train.checkpoint_seconds:
                self.save()

    def _requests(self):
        """What this worker asks of all: to stop, after a signal; to join anew, for hosts come or go; to go back."""
        requests = [self.signals.received > 0, self.host_updates.came, self.state.guard.trouble is not None]
        return tf.constant(requests, tf.float32)

    def _validate(self, seen):
        self.watchdog.feed(patient=True)
        try:
            self.validation.run(seen, self.records)
        except _StopAtOnce:
            self._interrupt(alone=True)

    def save(self) -> None:
        """Writes a checkpoint, unless steps are being skipped: it shall be a good one to go back to."""
        self.last_checkpoint = time.monotonic()
        seen = int(self.state.images_seen)
        if distributed.is_root():
            self.workdir.check_unmoved()
            if not self.state.guard.skipped and self.state.checkpoints.save(seen):
                self.saved = seen

    def _between_batches(self):
        """Between two batches of an evaluation, which may take longer than a scheduler waits: the first worker may
        leave, since it alone writes; the others find it gone."""
        if distributed.is_root() and self.signals.received:
            raise _StopAtOnce

    def _interrupt(self, alone=False):
        """Ends the run after a signal that came to any worker, with a checkpoint."""
        self.save()
        numbers = [self.signals.received] if alone else distributed.gather(self.signals.received)  # waits for the root
        self._end(next(filter(None, numbers)))

    def _end(self, number):
        self.watchdog.stop()
        raise Interrupted(
            f"stopped by {signal.Signals(number).name} at {int(self.state.images_seen):,} images: the same command "
            f"goes on from the checkpoint at {self.saved:,} images",
            number,
        )


class _StopAtOnce(Exception):
    """The first worker was asked to stop during an evaluation."""
