"""Log of a run: lines or a bar, metrics.csv, and sinks as TensorBoard."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict

from flowconv import data, distributed
from flowconv.config import differences, images_per_rank, sinks_of
from flowconv.config.parts import SINKS
from flowconv.errors import UserError
from flowconv.evaluation import compute_metrics, metrics_in
from flowconv.evaluation.sheets import Sheet
from flowconv.files import said_of, write_json
from flowconv.training.checkpoints import Restored
from flowconv.training.progress import Meter, Progress
from flowconv.training.sink import Sink, labelled
from flowconv.training.state import RunState
from flowconv.training.writers import MetricsFile
from flowconv.utils.console import say
from flowconv.words import counted, duration
from flowconv.workdir import Workdir, dataset_record, sessions

ERRORS = (UserError, OSError, tf.errors.OpError)  # of what can't be written
ESTIMATE = "bits/dim are estimates, right in expectation: log-determinants are summed by random terms and vectors"
MATRICES = ("condition_number", "smallest_singular_value")  # of which there is one in every step


class RunLogger:
    """The lines or the bar that a run shows, its metrics.csv and its sinks; those of the first worker alone.

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
        self._sinks: list[Sink] = []
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
        seen, device = int(self.state.images_seen), distributed.device_name()
        self.attempt("sessions.json", lambda: sessions.begin(self.workdir, seen, distributed.size(), device))
        for name in sinks_of(config):
            self._open_sink(SINKS.load(name), config, bool(restored))
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
        if self.state.flow.estimates_log_det:
            say(ESTIMATE)

    def _warn(self, restored):
        for line in restored.damaged:
            self._say(f"warning: {line}")

    def _open_sink(self, kind, config, goes_on):
        def open_it() -> None:
            sink = kind(self.workdir, config, ESTIMATE if self.state.flow.estimates_log_det else "")
            sink.start(int(self.state.images_seen) + 1 if goes_on else 0)
            self._sinks.append(sink)

        self.attempt(kind.title, open_it, kind.errors)

    def attempt(self, what: str, write: Callable[[], None], errors: tuple[type[Exception], ...] = ERRORS) -> None:
        """Has `write` write what a run can do without; where it can't be written, it is given up, in one line."""
        if what not in self._given_up:
            try:
                write()
            except errors as error:
                self._given_up.add(what)
                self._say(f"warning: the run goes on without {what}: {said_of(error)}")

    def _tell(self, method: str, *arguments: Any) -> None:
        """Calls a method of every sink."""
        for sink in self._sinks:
            self.attempt(sink.title, functools.partial(getattr(sink, method), *arguments), sink.errors)

    def _open_metrics(self):
        state = self.state
        self.metrics = MetricsFile(self.workdir.metrics, int(state.images_seen), int(state.evaluated))

    def go_back(self, restored: Restored, text: str) -> None:
        """Drops the rows after the checkpoint that the run went back to, and tells why it did."""
        if self.kept:
            self._warn(restored)
            self._open_metrics()
            self._tell("start", int(self.state.images_seen) + 1)
            self._say(text)

    def step(self, images_seen: int, bits_per_dim: float, meter: Meter) -> None:
        """Shows a step's bits/dim and, when that is due, writes a row of metrics."""
        if self.kept:
            self.progress.update(images_seen, bits_per_dim)
            if meter.rows and (self.progress.due() or images_seen >= self.progress.images):
                of_noisy_images = self.unit != "bits/dim"
                means = dataclasses.replace(meter.summarize_and_reset(), of_noisy_images=of_noisy_images)
                self._write(images_seen, "train", compute_metrics("train", means))
                step = int(self.state.optimizer.iterations)
                self.progress.line(step, images_seen, means.bits_per_dim, means.images_per_second)

    def _write(self, images_seen, phase, figures):
        self.workdir.check_unmoved()
        seconds = {"seconds": float(self.state.seconds)}
        self.metrics.write({"images": images_seen, **seconds, **figures})
        told = labelled(phase, figures | (seconds if phase == "train" else {}))
        self._tell("scalars", images_seen, told)

    def validation(self, images_seen: int, figures: dict[str, float], diagnostics: dict[str, float]) -> None:
        """Writes a row of metrics of the validation split, and for sinks the flow's health."""
        self._write(images_seen, "validation", figures)
        look = {"images": images_seen, **diagnostics}
        self.attempt("health.json", lambda: write_json(self.workdir.health, look))
        health = {name: value for name, value in diagnostics.items() if name.startswith("health/")}
        self._tell("scalars", images_seen, labelled("validation", health))
        for kind in MATRICES:
            values = [value for name, value in diagnostics.items() if name.startswith(f"{kind}/")]
            with np.errstate(divide="ignore", invalid="ignore"):
                logs = np.log10(values).tolist()
            if values:
                self._tell("histogram", images_seen, f"health/{kind}", logs)
        metrics = metrics_in("validation")
        shown = ", ".join(f"{metrics[name].shown(figure)} {metrics[name].line}" for name, figure in figures.items())
        self._say(f"validation at {counted(images_seen, 'image')}, {duration(float(self.state.seconds))}: {shown}")

    def pictures(self, images_seen: int, sheets: dict[str, Sheet]) -> None:
        """Shows sinks sheets of images by their tags."""
        for tag, sheet in sheets.items():
            self._tell("image", images_seen, tag, sheet.drawn(), sheet.title)

    def test(self, results: dict) -> None:
        """Shows sinks the metrics of the test split."""
        if self.kept:
            figures = labelled("test", {name: results[name] for name in metrics_in("test") if name in results})
            self._tell("scalars", int(self.state.images_seen), figures)

    def close(self, finished: bool) -> None:
        """Tells sinks that the run is finished, or stops here."""
        if self.kept:
            self.attempt("sessions.json", lambda: sessions.end(self.workdir, finished))
        self._tell("close", finished)
