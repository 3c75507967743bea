"""One run, from its start or its last checkpoint to its results."""

import contextlib
import signal
import time

import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict

from flowconv import configuration, data
from flowconv.bijectors import drawn_later
from flowconv.errors import Interrupted, UserError
from flowconv.evaluation import Evaluator, averaged_weights, health, max_condition_number, pictures
from flowconv.models import build_flow
from flowconv.training import distributed, elastic, preflight
from flowconv.training.checkpoints import Checkpoints
from flowconv.training.guard import Guard
from flowconv.training.metrics import Meter, MetricsFile, Progress, TensorBoard, duration, say
from flowconv.training.report import draw, print_table, versions
from flowconv.training.signals import Signals
from flowconv.training.step import build_step, uses_xla
from flowconv.training.workdir import Workdir, write_json

HEALTH_IMAGES = 4  # of the validation split, at which the flow's health is looked at


class Trainer:
    """One run: model, optimizer, data and files, and the loop over them.

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
        self.root = distributed.is_root()
        self.watchdog = distributed.Watchdog(config.train.watchdog_seconds)
        self.watchdog.feed(patient=True)
        self.training = False
        self.last_checkpoint, self.saved = time.monotonic(), 0
        self.global_batch = configuration.images_per_rank(config) * distributed.size()

        with drawn_later():  # a checkpoint has the weights, or initialization draws them
            self.flow = build_flow(config)
            self.step = build_step(config, self.flow)
        self.optimizer, self.images_seen = self.step.optimizer, self.step.images_seen
        self.seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self.best_bits_per_dim = tf.Variable(np.inf, dtype=tf.float64, trainable=False)
        self.average_is_best = tf.Variable(False, trainable=False)  # of the best weights, rather than the raw ones
        self.evaluator = Evaluator(
            self.flow,
            batch_size=config.evaluation.batch_size,
            seed=config.evaluation.seed,
            rank=distributed.rank(),
            world_size=distributed.size(),
            total=distributed.total,
            maximum=distributed.maximum,
            jit_compile=uses_xla(config),
            between=self._between_batches,
        )
        self.evaluated = tf.Variable(0, dtype=tf.int64, trainable=False)  # the images seen at the last evaluation
        self.images_a_step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.guard = Guard(config, self.flow, self.step.learning_rate_factor)
        progress = {
            "images_seen": self.images_seen,
            "seconds": self.seconds,
            "best_bits_per_dim": self.best_bits_per_dim,
            "average_is_best": self.average_is_best,
            "evaluated": self.evaluated,
            "images_a_step": self.images_a_step,
            "rollbacks": self.guard.rollbacks,
            "learning_rate_factor": self.step.learning_rate_factor,
        }
        self.variables = [*self.flow.variables, *self.optimizer.variables, *progress.values()]
        self.checkpoints = Checkpoints(
            self.flow, self.optimizer, progress, workdir.checkpoints, workdir.best_checkpoint
        )

    def run(self) -> dict:
        """Starts or goes on, trains to the budget, and reports; returns the results."""
        with self.step.traced_beside(configuration.images_per_rank(self.config), len(self._requests())):
            restored = distributed.on_root(self.checkpoints.restore)
            if not restored:
                self._initialize()
            preflight.agree_on_variables(self.variables)
            distributed.broadcast(self.variables)
            preflight.agree_on_values(self.variables)
        self._open_files(restored)
        if not restored:
            self.save()
        self.host_updates.listen()
        try:
            self.training = True
            images_per_second = self._train()
        finally:
            self.progress.close()
        self.training = False  # from here on the weights are the best ones, not the last
        figures = {
            # (A run that was finished before takes no step now.)
            "images_per_second": images_per_second or float(self.images_seen) / float(self.seconds),
            "images_trained": int(self.images_seen),
            "seconds": float(self.seconds),
        }
        try:
            results = self._test() | figures
        except _StopAtOnce:
            self._end(self.signals.received)
        if self.root:
            names = ("test_bits_per_dim", "test_bits_per_dim_ema")
            self.tensorboard.scalars({"images": int(self.images_seen)} | {name: results[name] for name in names})
        self._finish(results, self.workdir.results)
        return results

    def evaluate(self, samples: int = 1) -> dict:
        """Evaluates the best weights of a run; returns the results, with a tighter bound if there are more samples."""
        results = self._test()
        if samples > 1:
            test = self.images.splits["test"]
            results["importance_samples"] = samples
            results["test_bits_per_dim_importance_weighted"] = self.evaluator.bits_per_dim(test, samples)
            with averaged_weights(self.flow, self.optimizer):
                results["test_bits_per_dim_ema_importance_weighted"] = self.evaluator.bits_per_dim(test, samples)
        self._finish(results, self.workdir.evaluation)
        return results

    def _test(self) -> dict:
        """Figures on the test split, of the weights that were best on the validation split."""
        distributed.on_root(self.checkpoints.restore_best)
        distributed.broadcast(self.variables)
        self.watchdog.feed(patient=True)
        test = self.images.splits["test"]
        raw = self.evaluator.bits_per_dim(test)
        with averaged_weights(self.flow, self.optimizer):
            averaged = self.evaluator.bits_per_dim(test)
        with self.better_weights():
            reconstruction = self.evaluator.reconstruction(test)
            condition_number = max_condition_number(self.flow)
        return {
            "test_bits_per_dim": raw,
            "test_bits_per_dim_ema": averaged,
            **reconstruction,
            "max_condition_number": condition_number,
            "better_weights": "averaged" if self.average_is_best else "raw",
            "best_at_images": int(self.images_seen),
            "parameters": self.flow.parameters,
            "precision": self.config.model.precision,
            "dataset": self.images.describe(),
            "seed": self.config.seed,
            "world_size": distributed.size(),
            "versions": versions(),
        }

    def _finish(self, results, path):
        if self.root:
            with self.better_weights():
                draw(self.flow, self.images.splits["test"], self.config, self.workdir)
            write_json(path, results)
            print_table(results, self.workdir)
        self.watchdog.stop()

    def _initialize(self):
        """Draws the weights, and sets what depends on data from the first images of the stream, over all workers."""
        batches = self._batches(self.config.train.initialization_images, start=0)
        pixels, first = next(iter(batches))
        self.step.initialize(self.flow.dequantize(pixels, self.config.seed, first))

    def _batches(self, batch_size, start):
        return data.training_batches(
            self.images.splits["train"],
            batch_size=batch_size,
            seed=self.config.seed,
            start=start,
            rank=distributed.rank(),
            world_size=distributed.size(),
        )

    def _open_files(self, restored):
        seen, budget = int(self.images_seen), self.config.train.images
        images_before = int(self.images_a_step)
        self.images_a_step.assign(self.global_batch)
        self.saved = seen
        self.progress = Progress(budget, seen, self.config.train.log_seconds, self.root)
        if not self.root:
            return
        changes = []
        if restored:
            self._warn(restored)
            if images_before not in (0, self.global_batch):
                changes.append(f"{self.global_batch} images a step now, {images_before} before")
            if self.workdir.config.exists():
                changes += configuration.differences(self.workdir.load_config(), self.config)
        self.workdir.save_config(self.config)
        self.metrics = self._open_metrics()
        self.tensorboard = TensorBoard(self.workdir.tensorboard)
        self.tensorboard.hyperparameters(self.config)
        start = f"going on at {seen:,} images" if restored else "from the start"
        counts = " / ".join(f"{len(self.images.splits[name]):,}" for name in ("train", "validation", "test"))
        say(f"{self.images.name} {self.images.version}: {counts} images (train / validation / test)")
        say(
            f"{self.flow.parameters:,} parameters, {distributed.size()} × {configuration.images_per_rank(self.config)} "
            f"images a step, {budget:,} images, {start}; everything goes to {self.workdir.path}"
        )
        for change in changes:
            say(f"changed since this run was started: {change}")

    def _warn(self, restored):
        for line in restored.damaged:
            self.progress.say(f"warning: {line}; it is renamed, and the one before it is used")

    def _open_metrics(self):
        return MetricsFile(self.workdir.metrics, int(self.images_seen), int(self.evaluated))

    def _train(self) -> float:
        """The loop; returns the training rate in images/s over all workers, evaluations not counted."""
        budget = self.config.train.images
        batches = self._training_batches()
        meter = Meter()
        traced = False
        while True:
            seen = int(self.images_seen)
            if self._evaluation_is_due(seen):
                self._evaluate(seen)
            if seen >= budget:
                self.save()
                return meter.images_per_second
            self.watchdog.feed(patient=not traced)
            pixels, first = next(batches)
            started = time.monotonic()
            figures = self.step(pixels, first, self._requests())
            stop, change, trouble = figures.pop("requests").numpy()
            figures = {name: float(value) for name, value in figures.items()}
            elapsed = time.monotonic() - started
            self.seconds.assign_add(elapsed)
            seen += self.global_batch
            skipped = bool(figures.pop("skipped"))
            self.guard.observe(skipped, figures["gradient_norm"])
            if trouble > 0:
                self._roll_back(pixels.numpy(), seen)
                batches, meter = self._training_batches(), Meter()
                continue
            if not skipped:  # whose figures are no figures
                meter.add(figures, self.global_batch if traced else 0, elapsed if traced else 0.0)
            traced = True
            if self.root:
                self.progress.update(seen, figures["bits_per_dim"])
                if meter.rows and (self.progress.due() or seen >= budget):
                    self._log(seen, meter.take())
            if stop > 0:
                self._interrupt()
            if change > 0:
                self.save()
                raise elastic.WorkersChanged
            if time.monotonic() - self.last_checkpoint > self.config.train.checkpoint_seconds:
                self.save()

    def _training_batches(self):
        return iter(self._batches(configuration.images_per_rank(self.config), int(self.images_seen)))

    def _requests(self):
        """What this worker asks of all: to stop, after a signal; to join anew, for hosts come or go; to go back."""
        requests = [self.signals.received > 0, self.host_updates.came, self.guard.trouble is not None]
        return tf.constant(requests, tf.float32)

    def save(self) -> None:
        """Writes a checkpoint, unless steps are being skipped: it shall be a good one to go back to."""
        self.last_checkpoint = time.monotonic()
        if self.root and not self.guard.skipped and self.checkpoints.save(int(self.images_seen)):
            self.saved = int(self.images_seen)

    def _between_batches(self):
        """Between two batches of an evaluation, which may take longer than a scheduler waits: the first worker may
        leave, since it alone writes; the others find it gone."""
        if self.root and self.signals.received:
            raise _StopAtOnce

    def _interrupt(self, alone=False):
        """Ends the run after a signal that came to any worker, with a checkpoint."""
        self.save()
        numbers = [self.signals.received] if alone else distributed.gather(self.signals.received)  # waits for the root
        self._end(next(filter(None, numbers)))

    def _end(self, number):
        self.watchdog.stop()
        raise Interrupted(
            f"stopped by {signal.Signals(number).name} at {int(self.images_seen):,} images: the same command goes on "
            f"from the checkpoint at {self.saved:,} images",
            number,
        )

    def _roll_back(self, pixels, seen):
        """Goes back to the last good checkpoint with a lower learning rate, or gives up."""
        self.watchdog.feed(patient=True)
        trouble = next(filter(None, distributed.gather(self.guard.trouble)))
        diagnosis = distributed.on_root(lambda: self.guard.diagnose(pixels))
        told = f"step {seen // self.global_batch:,}, {seen:,} images: {trouble}; {diagnosis}"
        if int(self.guard.rollbacks) >= self.config.guards.rollbacks:
            rate = self.config.optimizer.learning_rate
            raise UserError(
                f"--config.optimizer.learning_rate={rate}: {told}; the run went back {int(self.guard.rollbacks)} "
                f"times already, to {float(self.step.learning_rate_factor):g} of that rate in the end: start again "
                f"with a lower one"
            )
        rollbacks, factor = int(self.guard.rollbacks), float(self.step.learning_rate_factor)
        restored = distributed.on_root(self.checkpoints.restore)
        if not restored:
            raise UserError(f"--workdir={self.workdir.path}: {told}; and there is no checkpoint to go back to")
        distributed.broadcast(self.variables)
        self.guard.roll_back(rollbacks, factor)
        if self.root:
            self._warn(restored)
            self.metrics = self._open_metrics()
            self.progress.say(
                f"{told}; back to {int(self.images_seen):,} images, with {float(self.step.learning_rate_factor):g} of "
                f"the learning rate"
            )

    def _log(self, seen, figures):
        row = {"images": seen, "seconds": float(self.seconds), **figures}
        self.metrics.write(row)
        self.tensorboard.scalars(row)
        self.progress.line(int(self.optimizer.iterations), seen, figures["bits_per_dim"], figures["images_per_second"])

    def _evaluation_is_due(self, seen):
        """Whether a multiple of train.evaluate_images, or the end, was reached since the last evaluation."""
        every, last = self.config.train.evaluate_images, int(self.evaluated)
        return seen // every > last // every or (last < seen and seen >= self.config.train.images)

    def _evaluate(self, seen):
        """Scores raw and averaged weights on the validation split; keeps the best; draws pictures."""
        self.watchdog.feed(patient=True)
        validation = self.images.splits["validation"]
        try:
            raw = self.evaluator.bits_per_dim(validation)
            with averaged_weights(self.flow, self.optimizer):
                averaged = self.evaluator.bits_per_dim(validation)
        except _StopAtOnce:
            self._interrupt(alone=True)
        self.evaluated.assign(seen)
        best = min(raw, averaged)
        improved = best < float(self.best_bits_per_dim)
        if improved:
            self.best_bits_per_dim.assign(best)
            self.average_is_best.assign(averaged < raw)
        if self.root:
            with self._weights(averaged < raw):
                self._draw(seen, validation)
            row = {"images": seen, "seconds": float(self.seconds)}
            row |= {"validation_bits_per_dim": raw, "validation_bits_per_dim_ema": averaged}
            self.metrics.write(row)
            self.tensorboard.scalars(row | health(self.flow, validation[:HEALTH_IMAGES]))
            self.progress.say(
                f"validation at {seen:,} images, {duration(float(self.seconds))}: "
                f"{raw:.4f} bits/dim, {averaged:.4f} with averaged weights"
            )
            if improved:
                self.checkpoints.save_best(seen)

    def better_weights(self) -> contextlib.AbstractContextManager:
        """Within it, the model has those of the best weights, raw or averaged, that were better on validation."""
        return self._weights(bool(self.average_is_best))

    def _weights(self, average):
        """A context with the averaged weights, or with the raw ones as they are."""
        return averaged_weights(self.flow, self.optimizer) if average else contextlib.nullcontext()

    def _draw(self, seen, validation):
        samples = pictures.sample_grid(self.flow, self.config.evaluation.samples, 0.8, self.config.seed)
        reconstructions = pictures.reconstruction_grid(self.flow, validation[:16])
        pictures.save(self.workdir.pictures / f"samples-{seen:09}.png", samples)
        self.tensorboard.image("samples", samples, seen)
        self.tensorboard.image("reconstructions", reconstructions, seen)


class _StopAtOnce(Exception):
    """The first worker was asked to stop during an evaluation."""
