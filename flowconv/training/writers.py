"""metrics.csv, which a run writes while it trains."""

import csv
import io
from pathlib import Path

from flowconv.errors import warn
from flowconv.evaluation import metrics_in
from flowconv.files import append_text, set_aside, write_text
from flowconv.words import counted


def columns() -> tuple[str, ...]:
    """Returns the columns of metrics.csv: of each row the images and the seconds, then all metrics."""
    return ("images", "seconds", *metrics_in("train"), *metrics_in("validation"))


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
            kept = counted(len(rows), "row")
            warn(f"{path} {damage}: it is kept as {aside.name}, and the run goes on with {kept} of it")
        rows = [row for row in rows if _is_past(row, images_seen, evaluated)]
        self._path = path
        self._columns = tuple(dict.fromkeys([*columns(), *(name for row in rows for name in row)]))
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
    names = columns()
    return [{name: float(row[name]) if row.get(name) else None for name in names} for row in _read(path)[0]]


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
    return rows, f"has {counted(unreadable, 'line')} that can't be read" if unreadable else ""


def _is_row(row):
    try:
        numbers = {name: float(cell) for name, cell in row.items() if cell}
    except ValueError:
        return False
    return numbers.get("images", -1.0) >= 0.0 and numbers["images"].is_integer()
