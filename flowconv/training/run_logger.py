"""Log of a run: lines or a bar, metrics.csv, and TensorBoard."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict

from flowconv import data, distributed
from flowconv.config import differences, images_per_rank
from flowconv.errors import UserError
from flowconv.evaluation import compute_metrics, metrics_in
from flowconv.files import said_of
from flowconv.training.checkpoints import Restored
from flowconv.training.progress import Meter, Progress
from flowconv.training.state import RunState
from flowconv.training.writers import MetricsFile, TensorBoard
from flowconv.utils.console import say
from flowconv.words import counted, duration
from flowconv.workdir import Workdir, dataset_record


class RunLogger:
    """The lines or the bar that a run shows, its metrics.csv and TensorBoard; those of the first worker alone.

    Args:
      state: of the run, restored or initialized.
      config: the run's, which is written.
      workdir: where the files lie.
      images: the three splits.
      restored: what the run goes on from, None at its start.

    Raises:
      UserError: if config.json or metrics.csv can't be written.
    """

    def __init__(
        self, state: RunState, config: ConfigDict, workdir: Workdir, images: data.ImageData, restored: Restored | None
    ):
        self.state = state
        self.workdir = workdir
        self.images = images
        self.kept = distributed.is_root()
        self._say = say
        self._given_up: set[str] = set()
        if self.kept:
            self._begin(config, images, restored)
        # After all these lines: a bar takes what stands in the terminal's last line for its own.
        seen = int(state.images_seen)
        images_a_step = images_per_rank(config) * distributed.size()
        steps = math.ceil(max(0, config.train.images - seen) / images_a_step)
        self.unit = state.flow.dequantization.training_unit
        self.progress = Progress(seen + steps * images_a_step, seen, config.train.log_seconds, self.kept, self.unit)
        self._say = self.progress.say

    def _begin(self, config, images, restored):
        changes = []
        if restored:
            self._warn(restored)
            now = images_per_rank(config) * distributed.size()
            before = int(self.state.images_a_step)
            if before not in (0, now):
                changes.append(f"{counted(now, 'image')} a step now, {before:,} before")
            if self.workdir.config.exists():
                changes += differences(self.workdir.load_config(), config)
        self.workdir.save_config(config)
        if not restored:
            self.keep_data()
        self._open_metrics()
        self.attempt("TensorBoard", lambda: self._open_tensorboard(config, bool(restored)))
        self._introduce(config, images, restored)
        for change in changes:
            say(f"changed since this run was started: {change}")

    def keep_data(self) -> None:
        """Keeps what the weights that are the best now were chosen on."""
        dataset_record.keep(self.workdir, self.images)

    def _introduce(self, config, images, restored):
        start = f"going on at {counted(int(self.state.images_seen), 'image')}" if restored else "from the start"
        counts = " / ".join(f"{len(images.splits[name]):,}" for name in ("train", "validation", "test"))
        say(f"{images.name} {images.version}: {counts} images (train / validation / test)")
        step = f"{distributed.size()} × {counted(images_per_rank(config), 'image')} a step"
        say(
            f"{self.state.flow.parameters:,} parameters, {step}, {counted(config.train.images, 'image')}, {start}; "
            f"everything goes to {self.workdir.path}"
        )

    def _warn(self, restored):
        for line in restored.damaged:
            self._say(f"warning: {line}")

    def _open_tensorboard(self, config, goes_on):
        self.tensorboard = TensorBoard(self.workdir.tensorboard)
        self.tensorboard.start(int(self.state.images_seen) + 1 if goes_on else 0)
        self.tensorboard.hyperparameters(config)

    def attempt(self, what: str, write: Callable[[], None]) -> None:
        """Has `write` write what a run can do without; where it can't be written, it is given up, in one line."""
        if what not in self._given_up:
            try:
                write()
            except (UserError, OSError, tf.errors.OpError) as error:
                self._given_up.add(what)
                self._say(f"warning: the run goes on without {what}: {said_of(error)}")

    def _open_metrics(self):
        state = self.state
        self.metrics = MetricsFile(self.workdir.metrics, int(state.images_seen), int(state.evaluated))

    def go_back(self, restored: Restored, text: str) -> None:
        """Drops the rows after the checkpoint that the run went back to, and tells why it did."""
        if self.kept:
            self._warn(restored)
            self._open_metrics()
            self.attempt("TensorBoard", lambda: self.tensorboard.start(int(self.state.images_seen) + 1))
            self._say(text)

    def step(self, images_seen: int, bits_per_dim: float, meter: Meter) -> None:
        """Shows a step's bits/dim and, when that is due, writes a row of metrics."""
        if self.kept:
            self.progress.update(images_seen, bits_per_dim)
            if meter.rows and (self.progress.due() or images_seen >= self.progress.images):
                of_noisy_images = self.unit != "bits/dim"
                means = dataclasses.replace(meter.summarize_and_reset(), of_noisy_images=of_noisy_images)
                self._write(images_seen, compute_metrics("train", means))
                step = int(self.state.optimizer.iterations)
                self.progress.line(step, images_seen, means.bits_per_dim, means.images_per_second)

    def _write(self, images_seen, figures, diagnostics=None):
        self.workdir.check_unmoved()
        row = {"images": images_seen, "seconds": float(self.state.seconds), **figures}
        self.metrics.write(row)
        self.attempt("TensorBoard", lambda: self.tensorboard.scalars(row | (diagnostics or {})))

    def validation(self, images_seen: int, figures: dict[str, float], diagnostics: dict[str, float]) -> None:
        """Writes a row of metrics of the validation split, and for TensorBoard the flow's health."""
        self._write(images_seen, figures, diagnostics)
        metrics = metrics_in("validation")
        shown = ", ".join(f"{metrics[name].shown(figure)} {metrics[name].line}" for name, figure in figures.items())
        self._say(f"validation at {counted(images_seen, 'image')}, {duration(float(self.state.seconds))}: {shown}")

    def pictures(self, images_seen: int, grids: dict[str, np.ndarray]) -> None:
        """Writes uint8 images `[H, W, C]` for TensorBoard."""

        def write() -> None:
            for name, grid in grids.items():
                self.tensorboard.image(name, grid, images_seen)

        self.attempt("TensorBoard", write)

    def test(self, results: dict) -> None:
        """Writes the metrics of the test split for TensorBoard."""
        if self.kept:
            figures = {name: results[name] for name in metrics_in("test") if name in results}
            row = {"images": int(self.state.images_seen), **figures}
            self.attempt("TensorBoard", lambda: self.tensorboard.scalars(row))
