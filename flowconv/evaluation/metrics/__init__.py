"""Metrics, one a file: put here, it stands in metrics.csv, TensorBoard, results.json, and every table at once."""

import functools
from typing import Any

from flowconv.config.parts import Folder
from flowconv.evaluation.metric import Metric

METRICS = Folder(__name__, "metric", base="Metric")


def metrics_in(phase: str, weights: str | None = None) -> dict[str, Metric]:
    """Returns the metrics of a phase by the names they have there, in their order.

    Args:
      phase: "train", "validation" or "test".
      weights: if given, only those computed with these weights.
    """
    found = [metric for metric in _loaded(METRICS.names) if phase in metric.names]
    return {metric.names[phase]: metric for metric in found if weights in (None, metric.weights)}


@functools.cache
def _loaded(names: tuple[str, ...]) -> list[Metric]:
    """All metrics in their order."""
    return sorted((METRICS.load(name)() for name in names), key=lambda metric: metric.order)


def compute_metrics(phase: str, measured: Any, weights: str | None = None) -> dict[str, Any]:
    """Returns the figures of these metrics by name, as far as there are any; arguments as of `metrics_in`."""
    figures = {name: metric.compute(measured) for name, metric in metrics_in(phase, weights).items()}
    return {name: figure for name, figure in figures.items() if figure is not None}
