"""Charts as SVG text, which takes its colours from the page that it stands in."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 78, 12, 10, 46  # of the frame
MOST = 400  # points of a line: more can't be told apart
COLOURS = 6  # that the page has


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
      label: in the legend.
      x, y: of its points; what isn't finite is left out.
      marked: whether each point is marked.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    marked: bool = False

    @property
    def points(self) -> list[tuple[float, float]]:
        """The points, or means of neighbours where there are too many."""
        x, y = np.asarray(self.x, float), np.asarray(self.y, float)
        known = np.isfinite(x) & np.isfinite(y)
        x, y = x[known], y[known]
        if len(x) > MOST:
            x, y = (np.array([part.mean() for part in np.array_split(each, MOST)]) for each in (x, y))
        return list(zip(x.tolist(), y.tolist(), strict=True))


def chart(title: str, lines: Sequence[Line], x: str, y: str, limits: tuple[float, float] | None = None) -> str:
    """Returns a chart as HTML: a figure with its title, the SVG, and a legend; nothing if it has no points.

    Args:
      title: above it.
      lines: what it shows.
      x, y: what stands on the axes.
      limits: of y; by default those of the points.
    """
    drawn = [(line, line.points) for line in lines if line.points]
    if not drawn:
        return ""
    xs, ys = ([point[axis] for _, points in drawn for point in points] for axis in (0, 1))
    frame = _Frame(_limits(min(xs), max(xs)), limits or _limits(min(ys), max(ys)))
    said = "; ".join(f"{line.label} from {points[0][1]:.4g} to {points[-1][1]:.4g}" for line, points in drawn)
    said = f"{title}, over {x}: {said}"
    parts = [
        f"<figure class='chart'><figcaption>{html.escape(title)}</figcaption>",
        f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' role='img' aria-label='{html.escape(said, quote=True)}'>",
        *frame.axes(x, y),
        *(frame.line(points, number, line.marked) for number, (line, points) in enumerate(drawn)),
        "</svg>",
    ]
    if len(drawn) > 1:
        keys = (_key(line, number) for number, (line, _) in enumerate(drawn))
        parts.append(f"<ul class='legend'>{''.join(keys)}</ul>")
    return "".join([*parts, "</figure>"])


def _key(line, number):
    stroke = f"<line class='s{number % COLOURS}' x1='0' y1='5' x2='26' y2='5'/>"
    mark = f"<circle class='m{number % COLOURS}' cx='13' cy='5' r='3.5'/>" if line.marked else ""
    key = f"<svg class='key' viewBox='0 0 26 10' aria-hidden='true'>{stroke}{mark}</svg>"
    return f"<li>{key}{html.escape(line.label)}</li>"


class _Frame:
    """The plane that points lie in."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]):
        self.x, self.y = x, y

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point is drawn; above and below the limits, at them."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = min(1.0, max(0.0, (y - self.y[0]) / (self.y[1] - self.y[0])))
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    def axes(self, x: str, y: str):
        """Yields ticks, lines at them, and names."""
        for value in ticks(*self.y):
            _, down = self.at(self.x[0], value)
            yield f"<line class='grid' x1='{LEFT}' x2='{WIDTH - RIGHT}' y1='{down:.1f}' y2='{down:.1f}'/>"
            yield f"<text x='{LEFT - 6}' y='{down + 4:.1f}' text-anchor='end'>{short(value)}</text>"
        for value in ticks(*self.x, count=5):
            across, _ = self.at(value, self.y[0])
            yield f"<text x='{across:.1f}' y='{HEIGHT - BOTTOM + 17}' text-anchor='middle'>{short(value)}</text>"
        middle = (LEFT + WIDTH - RIGHT) / 2
        yield f"<text x='{middle:.0f}' y='{HEIGHT - 6}' text-anchor='middle'>{html.escape(x)}</text>"
        middle = (TOP + HEIGHT - BOTTOM) / 2
        turned = f"transform='rotate(-90 13 {middle:.0f})'"
        yield f"<text x='13' y='{middle:.0f}' text-anchor='middle' {turned}>{html.escape(y)}</text>"

    def line(self, points: Sequence[tuple[float, float]], number: int, marked: bool) -> str:
        """Returns the line through points, the so-manieth one."""
        at = [self.at(*point) for point in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
        text = f"<polyline class='s{number % COLOURS}' points='{path}'/>"
        if marked or len(at) == 1:
            text += "".join(f"<circle class='m{number % COLOURS}' cx='{x:.1f}' cy='{y:.1f}' r='3.5'/>" for x, y in at)
        return text


def _limits(low, high):
    """Two numbers that differ, with both within."""
    if low < high:
        return low, high
    room = abs(low) * 0.1 or 1.0
    return low - room, high + room


def ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Returns about so many round numbers from low to high."""
    exact = (high - low) / count
    power = 10.0 ** math.floor(math.log10(exact))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= exact * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def short(value: float) -> str:
    """Returns a number as it stands at an axis: 1.5M, 20k, 0.001."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:.4g}{letter}"
    return f"{value:.4g}"
