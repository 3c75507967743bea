"""Tables and figures of a comparison."""

import csv
import itertools
import math
import re

import numpy as np
import pytest
from PIL import Image

from experiments.comparison import figures, tables
from flowconv.config import default_config

RESULT = {
    "test_bits_per_dim": 4.0,
    "test_bits_per_dim_ema": 3.9,
    "better_weights": "raw",
    "parameters": 1234,
    "max_condition_number": 2.0,
    "max_reconstruction_error": 0.1,
    "images_trained": 100,
    "world_size": 1,
    "dataset": {"name": "cifar10", "version": "3.0.2", "train": 50_000, "validation": 1, "test": 10_000},
}
SPEEDS = {f"{what}_images_per_second": 10.0 for what in ("train", "encode", "decode")}


def test_a_row_is_mean_and_deviation_over_seeds():
    runs = [RESULT, RESULT | {"better_weights": "averaged", "max_condition_number": 5.0}, RESULT]
    row = tables.summarize("shift", runs)
    values = [4.0, 3.9, 4.0]
    assert row["bits_per_dim_mean"] == np.mean(values) and row["bits_per_dim_std"] == np.std(values, ddof=1)
    assert (row["seeds"], row["max_condition_number"], row["parameters"]) == (3, 5.0, 1234)
    assert math.isnan(tables.summarize("shift", [RESULT])["bits_per_dim_std"])


def test_tables_on_disk(tmp_path):
    rows = [tables.summarize(name, [RESULT, RESULT]) | SPEEDS for name in ("shift", "periodic")]
    config = default_config()
    config.data.name = "cifar10"
    text = tables.write_variants(tmp_path, rows, RESULT, config)
    written = (tmp_path / "table.md").read_text()
    assert "2 seeds from 0" in written
    assert "| shift | 4.000 ± 0.000 | 3.50 | 1,234 |" in written  # the paper's row beside ours
    assert "| periodic | 4.000 ± 0.000 |  |" in written
    assert max(map(len, text.splitlines())) <= 100 and "|" not in text
    assert re.search(r"^shift    4.000 ± 0.000 +3.50 +1,234 +10 ", text, re.MULTILINE)
    with (tmp_path / "table.csv").open() as file:
        found = list(csv.DictReader(file))
    assert tuple(found[0]) == (*tables.COLUMNS, *tables.compared_metrics()) and [row["variant"] for row in found] == [
        "shift",
        "periodic",
    ]
    subset = RESULT | {"dataset": RESULT["dataset"] | {"name": "cifar10 subset (8,068/1,017)"}}
    assert "paper" not in tables.write_variants(tmp_path, rows, subset, config)


def test_learning_rates_that_were_tried_are_told(tmp_path):
    rows = [tables.summarize(name, [RESULT]) | SPEEDS | {tables.FACTOR: 0.5} for name in ("shift", "nice")]
    config = default_config()
    config.optimizer.learning_rate = 0.002
    tables.write_variants(tmp_path, rows, RESULT, config, factors=(0.5, 2.0))
    written = (tmp_path / "table.md").read_text()
    assert "| variant | test bits/dim | parameters | learning rate |" in written and "| 1,234 | 0.001 |" in written
    assert "Learning rates: of 0.5, 2 times 0.002, which were tried with the first seed and 25% of the im" in written
    assert "learning_rate_factor" in (tmp_path / "table.csv").read_text().splitlines()[0]


def test_sizes_are_told_where_all_have_the_same(tmp_path):
    rows = [tables.summarize(name, [RESULT]) | SPEEDS for name in ("shift", "nice")]
    config, other = default_config(), default_config()
    other.model.width = 8
    tables.write_variants(tmp_path, rows, RESULT, config, models=[config.model, config.model])
    assert "K 32, L 3, width 512;" in (tmp_path / "table.md").read_text()
    tables.write_variants(tmp_path, rows, RESULT, config, models=[config.model, other.model])
    assert "width" not in (tmp_path / "table.md").read_text()


def test_pairs_are_of_one_seed(tmp_path):
    bits = {("shift", 0): 4.0, ("shift", 1): 5.0, ("nice", 0): 4.1, ("nice", 1): 5.3}
    text = tables.write_pairs(tmp_path, {key: RESULT | {"test_bits_per_dim": value} for key, value in bits.items()})
    assert "| nice − shift | +0.100 | +0.300 | +0.200 | 0.141 |" in (tmp_path / "pairs.md").read_text()
    assert text.splitlines()[-1].split() == ["nice", "−", "shift", "+0.100", "+0.300", "+0.200", "0.141"]
    with (tmp_path / "pairs.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert row["test bits/dim"] == "nice − shift" and abs(float(row["seed 1"]) - 0.3) < 1e-9


def test_of_one_seed_no_deviation_is_shown(tmp_path):
    rows = [tables.summarize("shift", [RESULT]) | SPEEDS]
    for text in (tables.write_variants(tmp_path, rows, RESULT, default_config()), (tmp_path / "table.md").read_text()):
        assert "1 seed, 0: nothing is known of the noise" in " ".join(text.split())
        assert "nan" not in text and "±" not in text and "4.000" in text


def test_at_equal_seconds_the_images_have_a_column(tmp_path):
    rows = [
        tables.summarize(name, [RESULT | {"images_trained": images}]) | SPEEDS
        for name, images in (("shift", 6400), ("periodic", 3200))
    ]
    text = " ".join(tables.write_variants(tmp_path, rows, RESULT, default_config(), seconds=60.0).split())
    assert "training images as many as 60 seconds of steps have" in text and "100 training images" not in text
    assert "| periodic | 4.000 | 1,234 | 3,200 |" in (tmp_path / "table.md").read_text()


@pytest.mark.parametrize("over", ["images", "seconds"])
def test_curves(tmp_path, over):
    names = ("validation_bits_per_dim", "validation_bits_per_dim_ema")
    rows = [{"images": n, "seconds": 0.5 * n} | {name: 8 / n if n > 1 else None for name in names} for n in (1, 2, 3)]
    figures.draw_curves(tmp_path / "curves.png", {"shift": [rows, rows[:2]]}, over)
    assert np.asarray(Image.open(tmp_path / "curves.png")).std() > 1


def test_a_slow_rate_has_two_digits(tmp_path):
    row = tables.summarize("maf", [RESULT]) | SPEEDS | {"encode_images_per_second": 1234.4}
    tables.write_variants(tmp_path, [row | {"decode_images_per_second": 0.123}], RESULT, default_config())
    assert "| 10 | 1,234 | 0.12 |" in (tmp_path / "table.md").read_text()


def test_numbers_below_rates_that_differ_much_do_not_overlap(monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setattr(figures.pictures, "save_figure", lambda path, figure, dpi: drawn.append(figure))
    for slowest, labels in ((300.0, {"300", "400"}), (4.0, {"5", "10", "20", "50", "100", "200", "500"})):
        rates = {"decode_images_per_second": slowest}, {"decode_images_per_second": 500.0}
        figures.draw_rates(tmp_path / "rates.png", [tables.summarize("shift", [RESULT]) | rate for rate in rates])
        drawn[-1].draw_without_rendering()
        labels_there = drawn[-1].axes[0].xaxis.get_ticklabels(which="both")
        assert {label.get_text() for label in labels_there} >= labels
        inside = drawn[-1].axes[0].bbox
        boxes = [label.get_window_extent() for label in labels_there if label.get_text()]
        ends = sorted((box.x0, box.x1) for box in boxes if inside.x0 <= box.x0 <= inside.x1)
        assert all(left[1] < right[0] for left, right in itertools.pairwise(ends))


def test_rates(tmp_path):
    """Of one seed, too, of which there is no noise to draw."""
    rows = [tables.summarize(name, [RESULT] * count) | SPEEDS for name, count in (("shift", 2), ("emerging", 1))]
    figures.draw_rates(tmp_path / "rates.png", rows)
    assert np.asarray(Image.open(tmp_path / "rates.png")).std() > 1


def test_more_variants_than_colours_have_styles_of_their_own(monkeypatch, tmp_path):
    """In both figures a variant has the same one."""
    drawn = []
    monkeypatch.setattr(figures.pictures, "save_figure", lambda path, figure, dpi: drawn.append(figure.axes[0]))
    names = [f"variant {number}" for number in range(12)]
    points = [{"images": n, "seconds": n, "validation_bits_per_dim": 4.0 - n} for n in (1, 2)]
    figures.draw_curves(tmp_path / "curves.png", {name: [points] for name in names})
    figures.draw_rates(tmp_path / "rates.png", [tables.summarize(name, [RESULT]) | SPEEDS for name in names])
    lines = [drawn[0].lines, [container[0] for container in drawn[1].containers]]
    curves, rates = ([(line.get_color(), line.get_marker()) for line in each] for each in lines)
    assert len(set(curves)) == 12 and rates == curves
