"""What a run tells while it trains."""

import numpy as np
from ml_collections import ConfigDict

from flowconv import configuration, data
from flowconv.training import distributed
from flowconv.training.checkpoints import Restored
from flowconv.training.metrics import Meter, MetricsFile, Progress, TensorBoard, duration, say
from flowconv.training.state import RunState
from flowconv.training.workdir import Workdir


class Records:
    """The lines or the bar that a run shows, its metrics.csv and TensorBoard; those of the first worker alone.

    Args:
      state: of the run, restored or initialized.
      config: the run's.
      workdir: where the files lie.
      images: the three splits.
      restored: what the run goes on from, None at its start.
    """

    def __init__(
        self, state: RunState, config: ConfigDict, workdir: Workdir, images: data.ImageData, restored: Restored | None
    ):
        self.state = state
        self.workdir = workdir
        self.kept = distributed.is_root()
        self.progress = Progress(config.train.images, int(state.images_seen), config.train.log_seconds, self.kept)
        if not self.kept:
            return
        changes = []
        if restored:
            self._warn(restored)
            now = configuration.images_per_rank(config) * distributed.size()
            before = int(state.images_a_step)
            if before not in (0, now):
                changes.append(f"{now} images a step now, {before} before")
            if workdir.config.exists():
                changes += configuration.differences(workdir.load_config(), config)
        workdir.save_config(config)
        self._open_metrics()
        self.tensorboard = TensorBoard(workdir.tensorboard)
        self.tensorboard.hyperparameters(config)
        self._introduce(config, images, restored)
        for change in changes:
            say(f"changed since this run was started: {change}")

    def _introduce(self, config, images, restored):
        start = f"going on at {int(self.state.images_seen):,} images" if restored else "from the start"
        counts = " / ".join(f"{len(images.splits[name]):,}" for name in ("train", "validation", "test"))
        say(f"{images.name} {images.version}: {counts} images (train / validation / test)")
        step = f"{distributed.size()} × {configuration.images_per_rank(config)} images a step"
        say(
            f"{self.state.flow.parameters:,} parameters, {step}, {config.train.images:,} images, {start}; everything "
            f"goes to {self.workdir.path}"
        )

    def _warn(self, restored):
        for line in restored.damaged:
            self.progress.say(f"warning: {line}")

    def _open_metrics(self):
        state = self.state
        self.metrics = MetricsFile(self.workdir.metrics, int(state.images_seen), int(state.evaluated))

    def go_back(self, restored: Restored, text: str) -> None:
        """Drops the rows after the checkpoint that the run went back to, and tells why it did."""
        if self.kept:
            self._warn(restored)
            self._open_metrics()
            self.progress.say(text)

    def step(self, images_seen: int, bits_per_dim: float, meter: Meter) -> None:
        """Shows a step's bits/dim and, when that is due, writes a row of the meter's means."""
        if self.kept:
            self.progress.update(images_seen, bits_per_dim)
            if meter.rows and (self.progress.due() or images_seen >= self.progress.images):
                self._training(images_seen, meter.take())

    def _training(self, images_seen, figures):
        row = {"images": images_seen, "seconds": float(self.state.seconds), **figures}
        self.metrics.write(row)
        self.tensorboard.scalars(row)
        step = int(self.state.optimizer.iterations)
        self.progress.line(step, images_seen, figures["bits_per_dim"], figures["images_per_second"])

    def validation(self, images_seen: int, raw: float, averaged: float, health: dict[str, float]) -> None:
        """Writes a row of bits/dim on the validation split, of raw and averaged weights, and the flow's health."""
        seconds = float(self.state.seconds)
        row = {"images": images_seen, "seconds": seconds}
        row |= {"validation_bits_per_dim": raw, "validation_bits_per_dim_ema": averaged}
        self.metrics.write(row)
        self.tensorboard.scalars(row | health)
        self.progress.say(
            f"validation at {images_seen:,} images, {duration(seconds)}: "
            f"{raw:.4f} bits/dim, {averaged:.4f} with averaged weights"
        )

    def pictures(self, images_seen: int, grids: dict[str, np.ndarray]) -> None:
        """Writes uint8 images `[H, W, 3]` for TensorBoard."""
        for name, grid in grids.items():
            self.tensorboard.image(name, grid, images_seen)

    def test(self, results: dict) -> None:
        """Writes bits/dim on the test split for TensorBoard."""
        if self.kept:
            names = ("test_bits_per_dim", "test_bits_per_dim_ema")
            self.tensorboard.scalars({"images": int(self.state.images_seen)} | {name: results[name] for name in names})
