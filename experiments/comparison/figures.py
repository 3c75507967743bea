"""Figures of a comparison."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.comparison.tables import SCORES
from flowconv.evaluation import pictures

COLOURS = 10  # of matplotlib's cycle
MARKS, LINES = "osv", ("-", "--", ":")


def draw_curves(path: Path, curves: Mapping[str, Sequence[Sequence[Mapping]]], over: str = "images") -> None:
    """Draws validation bits/dim over training images: a line for the mean over seeds, a band for their range.

    Of raw and averaged weights the better ones count, as in the table.

    Args:
      path: of the PNG file.
      curves: for each variant the rows of metrics.csv of each seed, or others with the columns that are needed. Where
        no weights were averaged that figure is None, or missing.
      over: "images", or the training "seconds" in which they were seen, the mean over seeds.
    """
    figure, axes = _axes()
    for number, (variant, runs) in enumerate(curves.items()):
        points = [
            {row["images"]: _better(row) for row in rows if row["validation_bits_per_dim"] is not None} for rows in runs
        ]
        images = sorted(set.intersection(*map(set, points)))
        values = np.array([[run[number] for number in images] for run in points])
        taken = [{row["images"]: row[over] for row in rows} for rows in runs]
        at = [np.mean([run[number] for run in taken]) for number in images]
        (line,) = axes.plot(at, values.mean(axis=0), markersize=3, label=variant, **_style(number))
        axes.fill_between(at, values.min(axis=0), values.max(axis=0), color=line.get_color(), alpha=0.2)
    axes.set_xlabel(f"training {over}")
    axes.set_ylabel("validation bits/dim")
    axes.legend(bbox_to_anchor=(1.02, 1.0), loc="upper left", borderaxespad=0.0)  # where no line lies
    pictures.save_figure(path, figure, dpi=120)


def draw_rates(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draws test bits/dim over the rate of decoding: what is best lies to the right and below.

    Args:
      path: of the PNG file.
      rows: of table.csv. A bar is the standard deviation over seeds.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, axes = _axes()
    for number, row in enumerate(rows):
        rate, bits, noise = (
            float(row[name]) for name in ("decode_images_per_second", "bits_per_dim_mean", "bits_per_dim_std")
        )
        yerr = None if np.isnan(noise) else noise
        axes.errorbar(rate, bits, yerr=yerr, capsize=3, label=row["variant"], **_style(number) | {"linestyle": ""})
    axes.legend(bbox_to_anchor=(1.02, 1.0), loc="upper left", borderaxespad=0.0)  # names beside points would overlap
    axes.set_xscale("log")
    lowest, highest = axes.get_xlim()
    wide = highest > 10 * lowest  # where a number at each tick would overlap the next one
    if wide:
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter() if wide else "{x:g}")
    axes.set_xlabel("decoding, images/s")
    axes.set_ylabel("test bits/dim")
    pictures.save_figure(path, figure, dpi=120)


def _style(number: int) -> dict[str, str]:
    """The style of a variant by its number; there are ten colours, and other marks and lines from then on."""
    again = number // COLOURS % len(MARKS)
    return {"color": f"C{number % COLOURS}", "marker": MARKS[again], "linestyle": LINES[again]}


def _better(row: Mapping) -> float:
    """The validation bits/dim of the weights or of their average, whichever is lower."""
    figures = map(row.get, SCORES)
    return min(figure for figure in figures if figure is not None)


def _axes() -> tuple[Any, Any]:
    """A figure without pyplot, which would keep it, and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    axes.grid(alpha=0.3)
    return figure, axes
