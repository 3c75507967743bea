"""One run, from its start or its last checkpoint to its results."""

import contextlib
import time

import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict

from flowconv import data, distributed, preflight
from flowconv.config import images_per_rank
from flowconv.distributed import elastic
from flowconv.errors import UserError
from flowconv.evaluation import Evaluator
from flowconv.files import lacks_room, write_json
from flowconv.signals import stop_signals
from flowconv.training.progress import Meter
from flowconv.training.report import print_table, save_pictures
from flowconv.training.results import importance_weighted_results, test_results, training_results
from flowconv.training.rollback import roll_back
from flowconv.training.run_logger import RunLogger
from flowconv.training.state import RunState
from flowconv.training.step import uses_xla
from flowconv.training.validation import Validation
from flowconv.workdir import Workdir, dataset_record


class Trainer:
    """One run: its state, data and files, and the loop over them.

    Args:
      config: validated.
      workdir: checked.
      images: the three splits.
    """

    def __init__(self, config: ConfigDict, workdir: Workdir, images: data.ImageData):
        self.config = config
        self.host_updates = elastic.HostUpdates()
        self.workdir = workdir
        self.images = images
        self.watchdog = distributed.Watchdog(config.train.watchdog_seconds)
        self.watchdog.feed(patient=True)
        self.training = False
        self.last_checkpoint = time.monotonic()
        self.batch_size = images_per_rank(config)
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
            between=self._advance,
        )
        self.validation = Validation(self.state, self.evaluator, images.splits["validation"], config, workdir)

    def run(self) -> dict:
        """Starts or goes on, trains to the budget, and reports; returns the results."""
        state = self.state
        with state.step.trace_in_background(self.batch_size, len(self._requests())):
            restored = distributed.run_on_root(state.checkpoints.restore)
            if not restored:
                self._initialize()
            preflight.check_same_variables(state.variables)
            distributed.broadcast(state.variables)
            preflight.check_same_values(state.variables)
        with stop_signals.deferred():
            return self._go_on(restored)

    def _go_on(self, restored):
        state = self.state
        changed = distributed.run_on_root(lambda: dataset_record.changes(self.workdir, self.images)) if restored else ""
        if changed:
            state.best_bits_per_dim.assign(np.inf)  # that of other images is no measure for these
        self.records = RunLogger(state, self.config, self.workdir, self.images, restored)
        finished_before = int(state.images_seen) >= self.config.train.images
        state.images_a_step.assign(self.batch_size * distributed.size())
        if changed:
            said = f"{changed}; the next evaluation's weights become the best ones, whatever the score of these was"
            self.records.progress.say(f"warning: {said}")
        if restored:
            self._note_checkpoint()
        if changed or not restored:
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
        with self._stopping():
            results = self._test() | figures
            if finished_before:
                results |= distributed.run_on_root(lambda: training_results(self.workdir))
            self.records.test(results)
            self._finish(results, self.workdir.results)
        return results

    def evaluate(self, samples: int = 1) -> dict:
        """Evaluates the best weights of a run; returns the results, with a tighter bound if there are more samples."""
        with stop_signals.deferred(), self._stopping():
            results = self._test()
            if samples > 1:
                results |= importance_weighted_results(self.state, self.evaluator, self.images, samples)
            self._finish(results, self.workdir.evaluation)
        return results

    def _test(self):
        self.state.restore_best()
        return test_results(self.state, self.evaluator, self.images, self.config)

    def _finish(self, results, path):
        distributed.run_on_root(self.workdir.check_unmoved)
        distributed.first_works(self._pictures(), self._advance)
        distributed.run_on_root(lambda: (write_json(path, results), print_table(results, self.workdir)))

    def _pictures(self):
        with self.state.better_weights():
            yield from save_pictures(self.state.flow, self.images.splits["test"], self.config, self.workdir)

    def _initialize(self):
        """Draws the weights, and sets what depends on data from the first images of the stream, over all workers."""
        images, rank, size = self.config.train.initialization_images, distributed.rank(), distributed.size()
        begin, end = (images * r // size for r in (rank, rank + 1))
        part = max(1, end - begin)  # a worker without any takes one along, which doesn't count
        pixels, first = next(iter(self._stream(batch_size=part, start=begin, rank=0, world_size=1)))
        weight = (end - begin) * size / images
        self.state.step.initialize(
            pixels,
            first,
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
                if max(distributed.gather(stop_signals.received)):  # waits for the first worker, which writes
                    self._stop()
                return meter.images_per_second
            self.watchdog.feed(patient=not traced)
            pixels, first = next(batches)
            started = time.monotonic()
            # Nothing is lost by the first step, which may be compiled for minutes.
            with contextlib.nullcontext() if traced else stop_signals.at_once():
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
                self._stop()
            if change > 0:
                self.save()
                raise elastic.WorkersChanged
            if time.monotonic() - self.last_checkpoint > self.config.train.checkpoint_seconds:
                self.save()

    def _requests(self):
        """What this worker asks of all: to stop, after a signal; to join anew, for hosts come or go; to go back."""
        requests = [stop_signals.received > 0, self.host_updates.came, self.state.guard.trouble is not None]
        return tf.constant(requests, tf.float32)

    def _validate(self, seen):
        with self._stopping():
            self.validation.run(seen, self.records)

    def save(self) -> None:
        """Writes a checkpoint, unless steps are being skipped: it shall be a good one to go back to."""
        self.last_checkpoint = time.monotonic()
        self.watchdog.feed(patient=True)
        seen = int(self.state.images_seen)
        if distributed.is_root():
            self.workdir.check_unmoved()
            if not self.state.guard.skipped and self.state.checkpoints.save(seen):
                self._note_checkpoint()

    def _note_checkpoint(self):
        seen = int(self.state.images_seen)
        stop_signals.advice = f"the same command goes on from the checkpoint at {seen:,} images"

    def _advance(self):
        """Before a batch of an evaluation, or a picture: feeds the dog, and stops if a signal came to any worker."""
        self.watchdog.feed(patient=True)
        if distributed.total(tf.constant(stop_signals.received)) > 0:
            raise _Stop

    @contextlib.contextmanager
    def _stopping(self):
        """Ends the run after a _Stop, by which the weights within came back in the place of their average."""
        try:
            yield
        except _Stop:
            self._stop()

    def _stop(self):
        """Ends the run after a signal that came to any worker, with a checkpoint unless it has been trained."""
        if self.training:
            self.save()
        number = max(distributed.gather(stop_signals.received))  # waits for the first worker, which writes
        raise stop_signals.interruption(number, f" at {int(self.state.images_seen):,} images")


class _Stop(Exception):
    """A worker was asked to stop."""
