"""Ratios from made-up rounds."""

import pytest

from benchmarks import speed
from benchmarks.alternate import alternate, fastest, median, ratio
from benchmarks.sizes import SMALL
from benchmarks.suites import merge


def answers(*seconds, result=1.0):
    return [{"seconds": each, "cpu_seconds": 2 * each, "result": result} for each in seconds]


ROUNDS = {
    "floor conv2d": answers(1.0, 2.0, 1.0),
    "floor products": answers(0.5, 1.0, 0.5),
    "store train": answers(1.1, 2.2, 1.1),
    "store encode": answers(0.3, 0.6, 0.3),
    "store sample": answers(0.4, 0.8, 0.4),
    "invert train": answers(1.32, 2.64, 1.32),
    "normflows train": answers(2.2, 4.4, 2.2),
    "normflows encode": answers(0.9, 1.8, 0.9),
    "nflows train": answers(3.3, 6.6, 3.3, result=float("nan")),
    "nflows encode": answers(0.6, 1.2, 0.6),
    "normflows tuned train": answers(1.65, 3.3, 1.65),
    "nflows tuned train": answers(1.76, 3.52, 1.76),
    "nflows tuned encode": answers(0.45, 0.9, 0.45),
}


def test_rounds_alternate():
    order = []

    def ask(name):
        order.append(name)
        return {"seconds": len(order)}

    rounds = alternate({"a": lambda: ask("a"), "b": lambda: ask("b")}, 3)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert rounds == {
        "a": [{"seconds": 1}, {"seconds": 4}, {"seconds": 5}],
        "b": [{"seconds": 2}, {"seconds": 3}, {"seconds": 6}],
    }


def test_medians_and_ratios():
    assert median(ROUNDS["store train"]) == 1.1 and median(ROUNDS["store train"], "cpu_seconds") == 2.2
    assert ratio(ROUNDS, "store train", "floor conv2d") == pytest.approx(1.1)
    assert ratio(ROUNDS, "store train", "tfp train") is None
    assert fastest(ROUNDS, ["normflows train", "nflows train", "tfp train"]) == "normflows train"
    assert fastest(ROUNDS, ["tfp train"]) is None


def test_summary_and_table():
    figures = speed.summarize(ROUNDS, SMALL)
    expected = {
        "train_over_floor": 1.1,
        "train_over_fast_floor": 2.2,
        "invert_over_store": 1.2,
        "train_vs_best_peer": 2.0,
        "encode_vs_best_peer": 2.0,
        "train_vs_best_tuned_peer": 1.5,
        "encode_vs_best_tuned_peer": 1.5,
    }
    assert {name: figures[name] for name in expected} == pytest.approx(expected)
    assert figures["of_cpu_seconds"] == pytest.approx(expected)
    assert figures["best_peer"] == {"train": "normflows", "encode": "nflows"}  # none samples
    assert figures["best_tuned_peer"] == {"train": "normflows tuned", "encode": "nflows tuned"}
    assert figures["not_finite"] == ["nflows train"]
    assert not {"bf16_vs_float32", "sample_vs_best_peer"} & figures.keys()
    assert figures["images_per_second"]["normflows train"] == pytest.approx(32 / 2.2)
    printed = speed.table("small", SMALL, figures | {"parameters": {"store": 1_234_567}, "absent": {"tfp": "why"}})
    for line in ("absent: tfp: why", "not finite: nflows train", "million parameters: store 1.23"):
        assert line in printed.splitlines()
    assert "best peer being nflows)" in printed and "best peer being nflows tuned)" in printed
    assert "normflows train             2.200    4.400      14.5" in printed


def test_figures_of_two_parts_merge():
    figures = merge({"small": {"a": 1}, "x": 1}, {"small": {"b": 2}, "y": 2})
    assert figures == {"small": {"a": 1, "b": 2}, "x": 1, "y": 2}
