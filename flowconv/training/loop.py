"""Training from a config and a workdir to results."""

import contextlib
import os
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict

from flowconv import configuration, data
from flowconv.errors import UserError
from flowconv.evaluation import Evaluator, averaged_weights, max_condition_number, pictures
from flowconv.models import build_flow
from flowconv.training import distributed
from flowconv.training.checkpoints import Checkpoints
from flowconv.training.metrics import MetricsFile, Progress, TensorBoard, duration, say
from flowconv.training.report import draw, print_table, versions
from flowconv.training.step import build_step, uses_xla
from flowconv.training.workdir import Workdir, write_json

SKIPPED_STEPS_IN_A_ROW = 20  # with a loss or gradient that isn't finite, before the run gives up


def train(config: ConfigDict, workdir: str | os.PathLike) -> dict:
    """Trains a flow, going on where a run in `workdir` stopped, and evaluates it on the test split.

    Called by every worker of a Horovod job, or alone.

    Args:
      config: as `flowconv.configuration.default_config` has it.
      workdir: the run's folder; only the first worker writes to it.

    Returns:
      On every worker, what results.json holds. Of the checkpoint that was best on the validation split:
      test_bits_per_dim and test_bits_per_dim_ema (raw and averaged weights); with better_weights, the better of the
      two on the validation split, max_reconstruction_error (pixel levels), changed_pixels (numbers that differ after
      rounding) and max_condition_number (of any W); best_at_images. Of the run: images_per_second (training, all
      workers), images_trained, seconds (of training steps), parameters, precision, dataset (name, version, counts),
      seed, world_size, versions.

    Raises:
      UserError: for anything that the user can put right, on every worker.
    """
    configuration.validate(config)
    distributed.initialize(config.distributed.fusion_megabytes)
    workdir = Workdir(workdir)
    distributed.everywhere(lambda: data.check(config.data))
    distributed.on_root(lambda: workdir.check(config))
    return Trainer(config, workdir, load_data(config)).run()


def evaluate(workdir: str | os.PathLike, overrides: Mapping[str, Any] | None = None) -> dict:
    """Evaluates a run's best weights on the test split again, and draws its pictures.

    Args:
      workdir: of a run that has been evaluated at least once.
      overrides: config fields that shall differ from the run's, as {"data.dir": "/data"}.

    Returns:
      On every worker, what evaluation.json in the workdir holds: as `train`, without the figures of training.

    Raises:
      UserError: if there is no run, or no checkpoint in it; on every worker.
    """
    distributed.initialize()
    workdir = Workdir(workdir)
    config = distributed.on_root(workdir.load_config)
    config.update_from_flattened_dict(overrides or {})
    configuration.validate(config)
    return Trainer(config, workdir, load_data(config)).evaluate()


def load_data(config: ConfigDict) -> data.ImageData:
    """Returns the data; one worker of each host prepares them while the others wait.

    Raises:
      UserError: on every worker.
    """
    distributed.everywhere(lambda: data.load(config.data) if distributed.local_rank() == 0 else None)
    return distributed.everywhere(lambda: data.load(config.data, prepare=False))


class Trainer:
    """One run: model, optimizer, data and files, and the loop over them.

    Args:
      config: validated.
      workdir: checked.
      images: the three splits.
    """

    def __init__(self, config: ConfigDict, workdir: Workdir, images: data.ImageData):
        self.config = config
        self.workdir = workdir
        self.images = images
        self.root = distributed.is_root()
        self.watchdog = distributed.Watchdog(config.train.watchdog_seconds)
        self.watchdog.feed(patient=True)
        self.global_batch = configuration.images_per_rank(config) * distributed.size()

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
        )
        progress = {
            "images_seen": self.images_seen,
            "seconds": self.seconds,
            "best_bits_per_dim": self.best_bits_per_dim,
            "average_is_best": self.average_is_best,
        }
        self.variables = [*self.flow.variables, *self.optimizer.variables, *progress.values()]
        self.checkpoints = Checkpoints(
            self.flow, self.optimizer, progress, workdir.checkpoints, workdir.best_checkpoint
        )

    def run(self) -> dict:
        """Starts or goes on, trains to the budget, and reports; returns the results."""
        resumed = distributed.on_root(self.checkpoints.restore)
        if not resumed:
            self._initialize()
        distributed.broadcast(self.variables)
        self._open_files(resumed)
        try:
            images_per_second = self._train()
        finally:
            self.progress.close()
        figures = {
            # (A run that was finished before takes no step now.)
            "images_per_second": images_per_second or float(self.images_seen) / float(self.seconds),
            "images_trained": int(self.images_seen),
            "seconds": float(self.seconds),
        }
        results = self._test() | figures
        self._finish(results, self.workdir.results)
        return results

    def evaluate(self) -> dict:
        """Evaluates the best weights of a run; returns the results."""
        results = self._test()
        self._finish(results, self.workdir.evaluation)
        return results

    def _test(self) -> dict:
        """Figures on the test split, of the weights that were best on the validation split."""
        if not distributed.on_root(self.checkpoints.restore_best):
            raise UserError(f"--workdir={self.workdir.path}: holds no checkpoint in {self.workdir.best_checkpoint}")
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
        """Data-dependent initialization from the first images of the stream, over all workers."""
        batches = self._batches(self.config.train.initialization_images, start=0)
        pixels, first = next(iter(batches))
        self.flow.initialize(self.flow.dequantize(pixels, self.config.seed, first), distributed.average)

    def _batches(self, batch_size, start):
        return data.training_batches(
            self.images.splits["train"],
            batch_size=batch_size,
            seed=self.config.seed,
            start=start,
            rank=distributed.rank(),
            world_size=distributed.size(),
        )

    def _open_files(self, resumed):
        seen, budget = int(self.images_seen), self.config.train.images
        self.progress = Progress(budget, seen, self.config.train.log_seconds, self.root)
        if not self.root:
            return
        self.workdir.save_config(self.config)
        self.metrics = MetricsFile(self.workdir.metrics, seen)
        self.tensorboard = TensorBoard(self.workdir.tensorboard)
        start = f"going on at {seen:,} images" if resumed else "from the start"
        counts = " / ".join(f"{len(self.images.splits[name]):,}" for name in ("train", "validation", "test"))
        say(f"{self.images.name} {self.images.version}: {counts} images (train / validation / test)")
        say(
            f"{self.flow.parameters:,} parameters, {distributed.size()} × {configuration.images_per_rank(self.config)} "
            f"images a step, {budget:,} images, {start}; everything goes to {self.workdir.path}"
        )

    def _train(self) -> float:
        """The loop; returns the training rate in images/s over all workers, evaluations not counted."""
        budget = self.config.train.images
        batches = iter(self._batches(configuration.images_per_rank(self.config), int(self.images_seen)))
        meter = _Meter()
        skipped = 0
        last_checkpoint = time.monotonic()
        traced = False
        while (seen := int(self.images_seen)) < budget:
            self.watchdog.feed(patient=not traced)
            pixels, first = next(batches)
            started = time.monotonic()
            figures = {name: float(value) for name, value in self.step(pixels, first).items()}
            elapsed = time.monotonic() - started
            self.seconds.assign_add(elapsed)
            seen += self.global_batch
            skipped = skipped + 1 if figures.pop("skipped") else 0
            if skipped >= SKIPPED_STEPS_IN_A_ROW:
                raise UserError(
                    f"--config.optimizer.learning_rate={self.config.optimizer.learning_rate}: loss or gradients were "
                    f"not finite in {skipped} steps in a row, at {seen:,} images; start again with a lower one"
                )
            meter.add(figures, self.global_batch if traced else 0, elapsed if traced else 0.0)
            traced = True
            if self.root:
                self.progress.update(seen, figures["bits_per_dim"])
                if self.progress.due() or seen >= budget:
                    self._log(seen, meter.take())
            every = self.config.train.evaluate_images
            if seen // every > (seen - self.global_batch) // every or seen >= budget:
                self._evaluate(seen)
            if self.root and (
                time.monotonic() - last_checkpoint > self.config.train.checkpoint_seconds or seen >= budget
            ):
                self.checkpoints.save(seen)
                last_checkpoint = time.monotonic()
        return meter.images_per_second

    def _log(self, seen, figures):
        row = {"images": seen, "seconds": float(self.seconds), **figures}
        self.metrics.write(row)
        self.tensorboard.scalars(row)
        self.progress.line(int(self.optimizer.iterations), seen, figures["bits_per_dim"], figures["images_per_second"])

    def _evaluate(self, seen):
        """Scores raw and averaged weights on the validation split; keeps the best; draws pictures."""
        self.watchdog.feed(patient=True)
        validation = self.images.splits["validation"]
        raw = self.evaluator.bits_per_dim(validation)
        with averaged_weights(self.flow, self.optimizer):
            averaged = self.evaluator.bits_per_dim(validation)
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
            self.tensorboard.scalars(row)
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


class _Meter:
    """Means of the steps since the last `take`, and the rate since the first step."""

    def __init__(self):
        self.total_images, self.total_seconds = 0, 0.0
        self._start()

    def _start(self):
        self.rows, self.images, self.seconds = [], 0, 0.0

    def add(self, figures, images, seconds):
        self.rows.append(figures)
        self.images += images
        self.seconds += seconds
        self.total_images += images
        self.total_seconds += seconds

    def take(self):
        means = {name: float(np.mean([row[name] for row in self.rows])) for name in self.rows[0]}
        means["images_per_second"] = self.images / self.seconds if self.seconds else 0.0
        self._start()
        return means

    @property
    def images_per_second(self):
        return self.total_images / self.total_seconds if self.total_seconds else 0.0
