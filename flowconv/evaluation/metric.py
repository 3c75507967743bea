"""The contract of a metric."""

from collections.abc import Iterable
from typing import Any

import numpy as np


class Metric:
    """A figure of a flow, or of its training: one file of `metrics/` each, found by its name.

    Attributes:
      names: what it is called in metrics.csv, TensorBoard and results.json, by the phases in which it is computed:
        "train" (means of steps), "validation", "test".
      title: in tables.
      unit: of it; "" for a plain number.
      format: of its number, as Python's format specifications.
      better: "lower" or "higher"; "" if neither is better.
      weights: with which it is computed in validation and test: "raw", "ema" (their moving average), or "better",
        those of the two with the lower bits/dim on the validation split.
      order: its place in tables, of which the lowest comes first.
      line: what stands after its number in the line of an evaluation; by default the unit, or else the title.
      heading: of its column in comparisons, of the worst seed of each; by default the title, "" for no column.

    Example:
      >>> from flowconv.evaluation.metrics.bits_per_dim import BitsPerDim
      >>> BitsPerDim.title, BitsPerDim().shown(3.14159)
      ('test bits/dim', '3.1416')
    """

    names: dict[str, str]
    title: str
    unit: str = ""
    format: str = ".4g"
    better: str = ""
    weights: str = "better"
    order: int = 100
    line: str = ""
    heading: str

    def __init_subclass__(cls) -> None:
        """Sets what a metric doesn't say of itself."""
        cls.line = cls.line or cls.unit or cls.title
        cls.heading = getattr(cls, "heading", cls.title)

    def compute(self, measured: Any) -> float | None:
        """Returns the figure; None where it has none.

        Args:
          measured: in phase "train" the `flowconv.training.progress.StepMeans` of the steps since the last row,
            otherwise the `flowconv.evaluation.Measurement` of a split. Of the latter every worker calls this.
        """
        raise NotImplementedError

    def worst(self, values: Iterable[float]) -> float:
        """Returns the worst of several values; NaN if one of them is."""
        return float((np.min if self.better == "higher" else np.max)(list(values)))

    def shown(self, value: Any) -> str:
        """Returns a value as tables have it, whatever a file holds in its place."""
        return format(value, self.format) if isinstance(value, (int, float)) else str(value)
