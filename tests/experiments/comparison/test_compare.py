"""scripts/compare.py from its start to its table."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from benchmarks.layers import _cost
from benchmarks.variants import variant_config
from experiments.comparison import compare as comparison
from experiments.comparison.fold import fold
from flowconv.config import changed, default_config
from flowconv.errors import UserError
from flowconv.files import read_json, write_json
from flowconv.workdir import Workdir
from tests.experiments.comparison.test_tables import SPEEDS
from tests.programs import refusal, run_here
from tests.runs import ROOT, TINY, config_of, in_full, launch

FIELDS = TINY | {"model.levels": 1, "train.images": 96, "train.evaluate_images": 48}
FLAGS = ["--variants=conv1x1,rolled_shift", "--seeds=1", "--rounds=1", "--nolayers"]


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    fields = FIELDS | {"data.cache_dir": tmp_path_factory.mktemp("cache")}
    return [*FLAGS, *(f"--config.{name}={value}" for name, value in fields.items())]


def table(output):
    """table.csv without the speeds, which differ from one measurement to the next."""
    with (output / "table.csv").open() as file:
        return [
            {name: value for name, value in row.items() if "per_second" not in name} for row in csv.DictReader(file)
        ]


@pytest.fixture(scope="module")
def uninterrupted(arguments, tmp_path_factory):
    output = tmp_path_factory.mktemp("whole")
    result = launch("scripts/compare.py", f"--output={output}", *arguments)
    assert result.returncode == 0, result.stderr
    assert "retracing" not in result.stderr
    return output, result.stdout


def test_leaves_what_a_user_looks_for(uninterrupted):
    output, printed = uninterrupted
    written = {"table.md", "table.csv", "curves.png", "rates.png", "about.json", "runs"}
    assert {path.name for path in output.iterdir()} == written
    about = read_json(output / "about.json")
    assert (about["batch"], about["seconds"], list(about["runs"])) == (16, None, ["conv1x1", "rolled_shift"])
    (run,) = about["runs"]["conv1x1"]
    assert [each["images"] for each in run["evaluations"]] == [48, 96] and run["seed"] == 0
    rows = table(output)
    assert [row["variant"] for row in rows] == ["conv1x1", "rolled_shift"]
    for row in rows:
        assert 4 < float(row["bits_per_dim_mean"]) < 9 and row["seeds"] == "1"
        assert 1 <= float(row["max_condition_number"]) < 2 and 0 < float(row["max_reconstruction_error"]) < 0.05
    assert rows[0]["parameters"] == rows[1]["parameters"] != ""
    assert rows[0]["bits_per_dim_mean"] != rows[1]["bits_per_dim_mean"]
    assert "1 seed, 0: nothing is known" in printed and "nan" not in printed and "| conv1x1" not in printed
    assert "nan" not in (output / "table.md").read_text()
    assert {path.name for path in (output / "runs").iterdir()} == {"conv1x1-seed-0", "rolled_shift-seed-0"}


@in_full
def test_killed_and_started_again_it_ends_with_the_same_table(arguments, uninterrupted, tmp_path):
    """SIGKILL in the middle of the second run: the first is not trained again, the second goes on."""
    command = [sys.executable, str(ROOT / "scripts/compare.py"), f"--output={tmp_path}", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)
    second = tmp_path / "runs" / "rolled_shift-seed-0" / "best"
    deadline = time.monotonic() + 120
    while not list(second.glob("*.index")):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[0]
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    first = tmp_path / "runs" / "conv1x1-seed-0" / "results.json"
    before = first.stat().st_mtime_ns
    assert not (tmp_path / "table.csv").exists()
    result = launch("scripts/compare.py", f"--output={tmp_path}", *arguments)
    assert result.returncode == 0, result.stderr
    assert first.stat().st_mtime_ns == before
    assert table(tmp_path) == table(uninterrupted[0])


@in_full
def test_two_ranks(arguments, tmp_path):
    result = launch("scripts/compare.py", f"--output={tmp_path}", *arguments, "--variants=shift", ranks=2)
    assert result.returncode == 0, result.stderr
    (row,) = table(tmp_path)
    assert row["variant"] == "shift" and 4 < float(row["bits_per_dim_mean"]) < 9


@in_full  # counts of measured rates, in test_budget.py
def test_equal_seconds(arguments, tmp_path):
    """The counts come from rates that are measured, are kept with the runs, and stand in the table."""
    flags = ["--seconds=1", "--config.train.images=100000", "--config.train.evaluate_images=100000"]
    run_here("scripts/compare.py", f"--output={tmp_path}", *arguments, *flags, "--variants=shift")
    kept = json.loads((tmp_path / "budget.json").read_text())["images"]["shift"]
    ((row,), config) = table(tmp_path), tmp_path / "runs" / "shift-seed-0" / "config.json"
    assert int(row["images_trained"]) == kept == json.loads(config.read_text())["train"]["images"]
    assert kept % 16 == 0 and 16 <= kept < 100_000


def test_learning_rates_are_tried_before(arguments, tmp_path, monkeypatch):
    """A rate that makes weights infinite loses; trials never see the test split, and are not made again.

    Speeds are those of the trained flows, whose networks are not zero any more.
    """
    measured = []
    monkeypatch.setattr(
        comparison, "measure_speeds", lambda *each: measured.append(each) or dict.fromkeys(each[0], SPEEDS)
    )
    flags = ["--learning_rates=1e30,0.5", "--variants=conv1x1", f"--output={tmp_path}"]
    run_here("scripts/compare.py", *arguments, *flags)
    tried = json.loads((tmp_path / "learning_rates.json").read_text())["conv1x1"]
    assert tried["1e+30"] is None and 4 < tried["0.5"] < 9
    (flow,) = measured[0][-1].values()
    last = next(each for each in flow.trainable_variables if each.path.endswith("network.last.kernel"))
    assert np.any(last.numpy())
    before = table(tmp_path)
    assert before[0]["learning_rate_factor"] == "0.5"
    config = json.loads((tmp_path / "runs" / "conv1x1-seed-0" / "config.json").read_text())
    assert (config["optimizer"]["learning_rate"], config["train"]["images"]) == (0.001, 96)
    trial = tmp_path / "trials" / "conv1x1-times-0-5"
    assert json.loads((trial / "config.json").read_text())["train"]["images"] == 24
    assert (trial / "metrics.csv").exists() and not (trial / "results.json").exists()
    shutil.rmtree(tmp_path / "trials")
    run_here("scripts/compare.py", *arguments, *flags)
    assert table(tmp_path) == before and not (tmp_path / "trials").exists()


def test_refuses_the_folder_of_another_comparison(arguments, tmp_path):
    config = config_of(**FIELDS | {"evaluation.temperatures": (0.7,)})
    Workdir(tmp_path / "runs/conv1x1-seed-0").save_config(variant_config(config, "conv1x1", 0))
    flags = [f"--output={tmp_path}", *arguments, "--config.optimizer.learning_rate=0.5"]
    line = "holds another run (optimizer.learning_rate is 0.001 there and 0.5 here)"
    assert line in refusal("scripts/compare.py", *flags)


@pytest.mark.parametrize(
    ("there", "here"), [({}, {"scale_floor": 0.25}), ({"scale_floor": 0.25}, {}), ({}, {"coupling": "additive"})]
)
def test_a_setting_of_a_part_that_only_one_run_was_given_counts(there, here, tmp_path):
    configs = [changed(default_config(), {f"model.{name}": value for name, value in f.items()}) for f in (there, here)]
    workdir = Workdir(tmp_path / "run")
    workdir.save_config(configs[0])
    (name,) = there | here
    with pytest.raises(UserError, match=rf"^--output: .* holds another run \(model.{name} is .* there and .* here\)"):
        comparison._check(workdir, configs[1])


def test_the_default_of_a_part_s_setting_is_no_difference(tmp_path):
    workdir = Workdir(tmp_path / "run")
    workdir.save_config(default_config())
    comparison._check(workdir, changed(default_config(), {"model.scale_floor": 0.05}))


@pytest.mark.parametrize("content", [[3], {}, {"test_bits_per_dim": "x"}, {"test_bits_per_dim": 3.5}])
def test_damaged_results_of_a_run_are_named_before_any_training(content, tmp_path):
    workdir = Workdir(tmp_path / "run")
    workdir.save_config(default_config())
    write_json(workdir.results, content)
    with pytest.raises(UserError, match=r"^--output: .*results.json lacks [\w/]+: remove it, and the run is evaluated"):
        comparison._check(workdir, default_config())


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--seeds=0", "--seeds=0: must be a whole number of at least 1"),
        ("--rounds=0", "--rounds=0: must be a whole number of at least 1"),
        ("--learning_rates=1,-1", "--learning_rates=1,-1: must be numbers of at least 0, with commas between them"),
        ("--variants=", "--variants=: must be one or more words"),
        ("--variants=shift,glow", "--variants=glow: must be one of"),
    ],
)
def test_refuses_in_one_line(argument, message, tmp_path):
    assert message in refusal("scripts/compare.py", f"--output={tmp_path}", argument)
    assert not list(tmp_path.iterdir())


def test_costs_of_one_layer():
    names = ("shift", "conv1x1", "emerging", "periodic", "rolled_shift", "reverse")
    rows = _cost((2, 4, 4, 4), names, kernel_size=3, rounds=1)
    assert [row["layer"] for row in rows] == [*names, "emerging without its 1×1", "standard 3×3"]
    assert all(row["forward_ms"] > 0 for row in rows)
    parameters = {row["layer"]: row["parameters"] for row in rows}
    assert parameters["shift"] == parameters["conv1x1"] + 2 * 4
    assert parameters["periodic"] == 9 * 16 and parameters["standard 3×3"] == 9 * 16 + 4
    assert rows[-1]["inverse_ms"] is None and rows[0]["inverse_ms"] > 0


def test_a_trained_run_folds_into_a_glow(finished_run, tmp_path, capsys):
    workdir, _ = finished_run
    output = tmp_path / "folded"
    run_here("scripts/fold.py", f"--workdir={workdir}", f"--output={output}")
    words = capsys.readouterr().out.split()
    before, folded = (float(words[words.index(name) + 1].rstrip(",")) for name in ("before", "folded"))
    assert abs(before - folded) < 1e-6
    run_here("scripts/evaluate.py", f"--workdir={output}")
    assert f"{before:.4f}" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"only a glow with convolution=shift, shift=channel folds, this is .*conv1x1"):
        fold(output, tmp_path / "again")
