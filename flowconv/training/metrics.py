"""What a run shows and writes while it trains."""

import csv
import io
import os
import sys
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict
from tensorboard.compat.proto import event_pb2
from tensorboard.plugins.hparams import api as hparams
from tqdm import tqdm

from flowconv import configuration
from flowconv.errors import warn
from flowconv.files import append_text, set_aside, write_text
from flowconv.words import printable

COLUMNS = (
    "images",
    "seconds",
    "bits_per_dim",
    "images_per_second",
    "learning_rate",
    "gradient_norm",
    "validation_bits_per_dim",
    "validation_bits_per_dim_ema",
)


class MetricsFile:
    """metrics.csv: one row a log line, with the training or the validation columns filled.

    What can't be read of an older file is kept beside it, and said; columns that it lacks, or has besides, stay.

    Args:
      path: the file; rows beyond `images_seen`, which a killed run left, are dropped.
      images_seen: where the run goes on.
      evaluated: the images after which it was evaluated last.

    Raises:
      UserError: if it can't be written.
    """

    def __init__(self, path: Path, images_seen: int, evaluated: int):
        rows, damage = _read(path)
        if damage:
            aside = set_aside(path)
            warn(f"{path} {damage}: it is kept as {aside.name}, and the run goes on with the {len(rows):,} rows of it")
        rows = [row for row in rows if _is_past(row, images_seen, evaluated)]
        self._path = path
        self._columns = tuple(dict.fromkeys([*COLUMNS, *(name for row in rows for name in row)]))
        write_text(path, _table(rows, self._columns))

    def write(self, row: dict[str, float]) -> None:
        """Appends one row.

        Raises:
          UserError: if it can't be written.
        """
        append_text(self._path, _table([row], self._columns, header=not self._path.exists()))


def _table(rows, columns, header=True):
    """Rows as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _is_past(row, images_seen, evaluated):
    return float(row["images"]) <= (evaluated if row.get("validation_bits_per_dim") else images_seen)


def read_metrics(path: Path) -> list[dict[str, float | None]]:
    """Returns the rows of a metrics.csv that can be read; None where a row has no figure."""
    return [{name: float(row[name]) if row.get(name) else None for name in COLUMNS} for row in _read(path)[0]]


def _read(path):
    """The rows, as text by column, and what is wrong with the file, "" if nothing is."""
    try:
        text = path.read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return [], ""
    except OSError as error:
        return [], f"can't be read ({error.strerror})"
    whole, _, _ = text.rpartition("\n")  # after it stands what a killed process was about to write
    lines = whole.splitlines()
    if not lines:
        return [], ""
    header = lines[0].split(",")
    if "images" not in header or len(header) > len(set(header)):
        return [], "has no line of columns"
    cells = [line.split(",") for line in lines[1:]]
    rows = [dict(zip(header, row, strict=True)) for row in cells if len(row) == len(header)]
    rows = [row for row in rows if _is_row(row)]
    unreadable = len(lines) - 1 - len(rows)
    return rows, f"has {unreadable:,} lines that can't be read" if unreadable else ""


def _is_row(row):
    try:
        numbers = {name: float(cell) for name, cell in row.items() if cell}
    except ValueError:
        return False
    return numbers.get("images", -1.0) >= 0.0 and numbers["images"].is_integer()


class TensorBoard:
    """Scalars and images by the number of training images seen."""

    def __init__(self, path: Path):
        self._writer = tf.summary.create_file_writer(os.fsencode(path))  # in which a name need not be UTF-8

    def start(self, images_seen: int) -> None:
        """Says that the run begins here: TensorBoard drops what was written of this step and of later ones."""
        log = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        event = event_pb2.Event(wall_time=time.time(), step=images_seen, session_log=log)
        tf.raw_ops.ImportEvent(writer=self._writer._resource, event=event.SerializeToString())

    def scalars(self, row: dict[str, float]) -> None:
        """Writes every entry of the row but `images`, which is the step."""
        with self._writer.as_default(step=int(row["images"])):
            for name, value in row.items():
                if name != "images":
                    tf.summary.scalar(name, value)

    def hyperparameters(self, config: ConfigDict) -> None:
        """Writes what runs are compared by, for TensorBoard's table of runs side by side."""
        compared = ("model", "optimizer", "seed")
        values = {name: value for name, value in configuration.flatten(config) if name.split(".")[0] in compared}
        with self._writer.as_default(step=0):
            hparams.hparams(values)

    def image(self, name: str, image: np.ndarray, images_seen: int) -> None:
        """Writes one uint8 image `[H, W, 3]`."""
        with self._writer.as_default(step=images_seen):
            tf.summary.image(name, image[None])
        self._writer.flush()


class Meter:
    """Means of the steps since the last `take`, and the rate since the first step."""

    def __init__(self):
        self.total_images, self.total_seconds = 0, 0.0
        self._start()

    def _start(self):
        self.rows, self.images, self.seconds = [], 0, 0.0

    def add(self, figures: dict[str, float], images: int, seconds: float) -> None:
        """Counts one step."""
        self.rows.append(figures)
        self.images += images
        self.seconds += seconds
        self.total_images += images
        self.total_seconds += seconds

    def take(self) -> dict[str, float]:
        """Returns the means of the steps' figures, and images_per_second (0 if unknown)."""
        means = {name: float(np.mean([row[name] for row in self.rows])) for name in self.rows[0]}
        means["images_per_second"] = self.images / self.seconds if self.seconds else 0.0
        self._start()
        return means

    @property
    def images_per_second(self) -> float:
        """The rate since the first step; 0 if unknown."""
        return self.total_images / self.total_seconds if self.total_seconds else 0.0


class Progress:
    """A bar on a terminal, one compact line every few seconds elsewhere.

    Args:
      images: the budget.
      images_seen: where the run starts.
      log_seconds: between lines.
      visible: False for a worker that keeps silent.
    """

    def __init__(self, images: int, images_seen: int, log_seconds: float, visible: bool = True):
        self.images = images
        self.log_seconds = log_seconds
        self.last = time.monotonic()
        self.bar = None
        if visible and sys.stdout.isatty():
            self.bar = tqdm(
                total=images, initial=images_seen, unit="img", unit_scale=True, dynamic_ncols=True, file=sys.stdout
            )

    def due(self) -> bool:
        """Whether the next line is due."""
        return time.monotonic() - self.last >= self.log_seconds

    def update(self, images_seen: int, bits_per_dim: float) -> None:
        """Moves the bar, on a terminal."""
        if self.bar is not None:
            self.bar.set_postfix_str(f"{bits_per_dim:.3f} bits/dim", refresh=False)
            self.bar.update(images_seen - self.bar.n)

    def line(self, step: int, images_seen: int, bits_per_dim: float, images_per_second: float) -> None:
        """Prints the figures since the last line, unless a bar shows them.

        Args:
          step: of the optimizer.
          images_seen: training images, over all workers.
          bits_per_dim: mean since the last line.
          images_per_second: since the last line; 0 if unknown.
        """
        self.last = time.monotonic()
        if self.bar is None:
            left = max(0, self.images - images_seen)
            text = f"step {step:>6,}  images {images_seen:>9,}/{self.images:,}  {bits_per_dim:.3f} bits/dim"
            if images_per_second:
                text += f"  {images_per_second:,.0f} images/s  {duration(left / images_per_second)} left"
            say(text)

    def say(self, text: str) -> None:
        """Prints a line, above the bar if there is one."""
        if self.bar is None:
            say(text)
        else:
            self.bar.write(printable(text), file=sys.stdout)

    def close(self) -> None:
        """Ends the bar."""
        if self.bar is not None:
            self.bar.close()


def say(text: str) -> None:
    """Prints lines at once, as far as they are to be seen."""
    print("\n".join(map(printable, text.split("\n"))), flush=True)


def duration(seconds: float) -> str:
    """Returns "1:02:03", or "2:03" below an hour."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
