"""Metrics: found by their files, computed of a split, and shown wherever there are figures."""

import json
import re
import shutil

import numpy as np
import pytest

from experiments.comparison import tables
from flowconv.config import default_config
from flowconv.evaluation import METRICS, Evaluator, Measurement, compute_metrics, metrics, metrics_in
from flowconv.inference.html_report import write_report
from flowconv.models import glow
from flowconv.training.summary import metric_rows
from flowconv.training.writers import MetricsFile, columns, read_metrics
from flowconv.workdir import Workdir
from tests.runs import ROOT

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), np.uint8)
EXAMPLES = {"image": IMAGES}
NAMES = {  # on which others rely
    "train": {"bits_per_dim", "bits_per_dim_of_noisy_images", "images_per_second", "learning_rate", "gradient_norm"},
    "validation": {
        "validation_bits_per_dim",
        "validation_bits_per_dim_ema",
        "validation_bits_per_dim_standard_error",
        "validation_bits_per_dim_ema_standard_error",
    },
    "test": {
        "test_bits_per_dim",
        "test_bits_per_dim_ema",
        "test_bits_per_dim_deviation",
        "test_bits_per_dim_standard_error",
        "test_bits_per_dim_ema_standard_error",
        "test_bits_per_dim_importance_weighted",
        "test_bits_per_dim_ema_importance_weighted",
        "max_reconstruction_error",
        "changed_pixels",
        "max_condition_number",
        "test_accuracy",
        "test_bits_per_dim_of_labels",
        "test_bits_per_dim_without_labels",
        "kernel_distance",
        "sample_precision",
        "sample_recall",
    },
}
ASKED_FOR = {
    name
    for name in NAMES["test"]
    if re.search("importance|label|accuracy|standard|kernel_distance|precision|recall", name)
}


@pytest.fixture
def dropped(tmp_path, monkeypatch):
    """The metric of docs/examples, put beside the others."""
    folder = tmp_path / "metrics"
    folder.mkdir()
    shutil.copy(ROOT / "docs/examples/clipped_samples.py", folder)
    monkeypatch.setattr(METRICS, "paths", (*METRICS.paths, folder))
    monkeypatch.setattr(metrics, "__path__", [*metrics.__path__, str(folder)])
    return metrics_in("test")["clipped_samples"]


@pytest.mark.parametrize("phase", NAMES)
def test_names_stay(phase):
    assert set(metrics_in(phase)) == NAMES[phase]


def test_each_pass_over_a_split_is_made_once():
    passes = []
    flow = glow((8, 8, 3), levels=1, depth=1, width=4)
    measured = Measurement(Evaluator(flow, batch_size=4, seed=0, between=lambda: passes.append(1)), EXAMPLES, "test")
    figures = {}
    for weights in ("raw", "ema", "better"):
        figures |= compute_metrics("test", measured, weights)
    assert len(passes) == 2 * 2  # batches of bits/dim and of reconstructions
    assert figures.keys() == NAMES["test"] - ASKED_FOR
    assert figures["test_bits_per_dim"] == figures["test_bits_per_dim_ema"] == flow_bits(flow)


def flow_bits(flow):
    return pytest.approx(float(np.mean(flow.bits_per_dim(IMAGES, seed=0))), rel=1e-6)


def test_importance_samples_give_a_tighter_bound():
    evaluator = Evaluator(glow((8, 8, 3), levels=1, depth=1, width=4), batch_size=6, seed=0)
    measured = Measurement(evaluator, EXAMPLES, "x", 4)
    figures = compute_metrics("test", measured, "raw")
    assert figures["test_bits_per_dim_importance_weighted"] < figures["test_bits_per_dim"]


def test_a_file_that_is_dropped_in_is_a_metric_everywhere(dropped, tmp_path):
    flow = glow((8, 8, 3), levels=1, depth=1, width=4)
    measured = Measurement(Evaluator(flow, batch_size=6, seed=0), EXAMPLES, "test")
    figures = compute_metrics("test", measured, "better")
    assert 0.0 <= figures["clipped_samples"] <= 1.0

    path = tmp_path / "metrics.csv"
    path.write_text("images,seconds,validation_bits_per_dim\n16,1.0,4.5\n")
    MetricsFile(path, 16, evaluated=16).write({"images": 32, "validation_clipped_samples": 0.25})
    assert "validation_clipped_samples" in columns()
    assert [row["validation_clipped_samples"] for row in read_metrics(path)] == [None, 0.25]

    results = figures | {"clipped_samples": 0.25}
    assert (dropped.title, "25.00%") in metric_rows(results)
    workdir = Workdir(tmp_path / "run")
    workdir.path.mkdir()
    workdir.save_config(default_config())
    workdir.results.write_text(json.dumps(results))
    assert f"<th>{dropped.title}</th><td>25.00%</td>" in write_report(workdir, tmp_path / "report.html").read_text()
    runs = [results | {"test_bits_per_dim": 4.0, "better_weights": "raw", "parameters": 1, "images_trained": 1}] * 2
    assert tables.summarize("any", [*runs, runs[0] | {"clipped_samples": 0.5}])["clipped_samples"] == 0.5


def test_the_worst_of_seeds_counts_and_none_passes_for_a_number():
    error = metrics_in("test")["max_reconstruction_error"]
    assert error.worst([0.1, 0.3, 0.2]) == 0.3
    assert np.isnan(error.worst([0.1, float("nan")])) and np.isnan(error.worst([float("nan"), 0.1]))
    assert metrics_in("train")["images_per_second"].worst([10.0, 5.0]) == 5.0
