"""The committed files that tables are made of, and the form that all have."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[2] / "docs/results"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table, its first column to the left and the others to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def read(path: str) -> dict[str, Any]:
    """Returns a JSON of docs/results/."""
    return json.loads((RESULTS / path).read_text(encoding="utf-8"))


def read_rows(path: str) -> list[dict[str, str]]:
    """Returns the rows of a CSV of docs/results/."""
    with (RESULTS / path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_lines(path: str) -> list[list[str]]:
    """Returns the lines of a CSV of docs/results/, its header first."""
    with (RESULTS / path).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def read_jsonl(path: str) -> list[dict[str, Any]]:
    """Returns what each line of a file of docs/results/ holds as JSON."""
    return [json.loads(line) for line in (RESULTS / path).read_text(encoding="utf-8").splitlines()]


def with_source(table: str, machine: str, date: str, commit: str, *paths: str) -> str:
    """Returns a table with a line of where and when it was measured."""
    files = ", ".join(f"[{path.rsplit('/', 1)[-1]}]({path})" for path in paths)
    return f"{table}\n\n*{machine}, {date}, {commit}: {files}*"
