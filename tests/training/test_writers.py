"""metrics.csv: rows of a run that goes on, damaged files, and those of other versions."""

import pytest

from flowconv.training.summary import _draw_curve
from flowconv.training.writers import MetricsFile, columns, read_metrics
from flowconv.workdir import Workdir


def test_metrics_go_on_where_the_run_does(tmp_path):
    path = tmp_path / "metrics.csv"
    metrics = MetricsFile(path, 0, evaluated=0)
    for images in (10, 20, 30):
        metrics.write({"images": images, "seconds": 1.5, "bits_per_dim": 4.0})
    metrics = MetricsFile(path, 20, evaluated=0)  # the checkpoint was written at 20; the row of 30 will come again
    metrics.write({"images": 30, "seconds": 2.5, "validation_bits_per_dim": 3.5})
    rows = read_metrics(path)
    assert [row["images"] for row in rows] == [10, 20, 30]
    assert rows[1]["bits_per_dim"] == 4.0 and rows[1]["validation_bits_per_dim"] is None
    assert rows[2]["validation_bits_per_dim"] == 3.5
    metrics = MetricsFile(
        path, 30, evaluated=20
    )  # it was killed after the row and before the checkpoint that knows of it
    assert [row["images"] for row in read_metrics(path)] == [10, 20]
    path.write_text(path.read_text() + "40,2.5,3")  # a line that was cut off
    MetricsFile(path, 50, evaluated=20)
    assert [row["images"] for row in read_metrics(path)] == [10, 20]


COLUMNS = columns()
HEADER = ",".join(COLUMNS).encode()


def row(images):
    """A line of metrics.csv."""
    return f"{images},1,4{',' * (len(COLUMNS) - 3)}\n".encode()


DAMAGED = {  # and how many of its rows can be read
    "binary": (bytes(range(256)) * 4, 0),
    "utf-16": ("images\n1\n".encode("utf-16") + b"\n", 0),
    "word": (HEADER + b"\n" + row(10) + row("ten"), 1),
    "float": (HEADER + b"\n" + row(10) + row(10.5), 1),
    "negative": (HEADER + b"\n" + row(-10), 0),
    "huge": (HEADER + b"\n" + row(10) + row("9" * 200_000), 1),
    "header twice": (HEADER + b"\n" + HEADER + b"\n" + row(10), 1),
    "column twice": (b"images,images\n1,1\n", 0),
    "no header": (row(10), 0),
    "short line": (HEADER + b"\n10,1\n" + row(20), 1),
    "two in one": (HEADER + b"\n10,1,4,,," + row(10) + row(20), 1),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_metrics_are_set_aside_and_the_run_goes_on(tmp_path, capsys, kind):
    content, readable = DAMAGED[kind]
    path = tmp_path / "metrics.csv"
    path.write_bytes(content)
    assert len(read_metrics(path)) == readable
    MetricsFile(path, 100, evaluated=100).write({"images": 100})
    assert len(read_metrics(path)) == readable + 1
    assert (tmp_path / "metrics.csv.damaged").read_bytes() == content
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "metrics.csv.damaged" in said


def test_a_curve_without_points_is_drawn_without_a_word(tmp_path, recwarn):
    workdir = Workdir(tmp_path)
    MetricsFile(workdir.metrics, 0, evaluated=0)
    workdir.pictures.mkdir()
    _draw_curve(workdir, {})
    assert (workdir.pictures / "curve.png").is_file() and not recwarn.list


@pytest.mark.parametrize("columns", [COLUMNS[:5], (*COLUMNS, "new"), COLUMNS[::-1]])
def test_metrics_with_other_columns_keep_their_rows(tmp_path, capsys, columns):
    path = tmp_path / "metrics.csv"
    path.write_text("".join(",".join(row) + "\n" for row in (columns, *[["10"] * len(columns)] * 5)))
    MetricsFile(path, 100, 100).write({"images": 20, "gradient_norm": 2.0})
    rows = read_metrics(path)
    assert len(rows) == 6 and rows[5]["gradient_norm"] == 2.0 and rows[0]["bits_per_dim"] == 10.0
    assert ("gradient_norm" in columns) == (rows[0]["gradient_norm"] is not None)
    assert set(columns) <= set(path.read_text().splitlines()[0].split(","))
    assert not capsys.readouterr().err and not (tmp_path / "metrics.csv.damaged").exists()
