"""The progress of a run: means of its steps, and the bar or the lines that show them."""

import sys
import time
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from flowconv.utils.console import say
from flowconv.words import duration, printable


@dataclass(frozen=True)
class StepMeans:
    """Means over some steps.

    Attributes:
      figures: of the steps, by the names that `TrainingStep` gives them.
      images_per_second: over all workers; 0 if unknown.
      of_noisy_images: whether bits/dim are those of the density of noisy images.
    """

    figures: dict[str, float]
    images_per_second: float
    of_noisy_images: bool = False

    @property
    def bits_per_dim(self) -> float:
        """The mean loss."""
        return self.mean("bits_per_dim")

    def mean(self, name: str) -> float:
        """Returns the mean of a figure of the steps."""
        return self.figures[name]


class Meter:
    """Means of the steps since the last summary, and the rate since the first step."""

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

    def summarize_and_reset(self) -> StepMeans:
        """Returns the means over the steps since the last call."""
        figures = {name: float(np.mean([row[name] for row in self.rows])) for name in self.rows[0]}
        means = StepMeans(figures, self.images / self.seconds if self.seconds else 0.0)
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
      unit: of the loss.
    """

    def __init__(self, images: int, images_seen: int, log_seconds: float, visible: bool = True, unit: str = "bits/dim"):
        self.images = images
        self.unit = unit
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
            self.bar.set_postfix_str(f"{bits_per_dim:.3f} {self.unit}", refresh=False)
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
            text = f"step {step:>6,}  images {images_seen:>9,}/{self.images:,}  {bits_per_dim:.3f} {self.unit}"
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
