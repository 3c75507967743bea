"""train.py from its start to its results."""

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
from PIL import Image

from flowconv.config import default_config
from flowconv.data import image_files
from flowconv.errors import UserError
from flowconv.training import train as training
from flowconv.training.results import training_results
from flowconv.workdir import Workdir
from tests.programs import refusal, run_here
from tests.runs import FULL, ROOT, in_full, launch, overrides, saved_variables
from tests.same_runs import distance


def test_leaves_what_a_user_looks_for(finished_run):
    workdir, printed = finished_run
    results = json.loads((workdir / "results.json").read_text())
    assert 4 < results["test_bits_per_dim"] < 9 and 4 < results["test_bits_per_dim_ema"] < 9
    assert results["max_reconstruction_error"] < 0.05 and results["changed_pixels"] == 0
    assert results["images_per_second"] > 0 and results["world_size"] == 1 and results["seed"] == 0
    assert results["images_trained"] == 160
    assert results["dataset"]["name"] == "photos/16x16" and results["dataset"]["version"]
    assert results["dataset"]["train"] > results["dataset"]["test"] > 0

    config = json.loads((workdir / "config.json").read_text())
    assert config["model"]["depth"] == 2 and config["train"]["batch_size"] == 16
    with (workdir / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert int(rows[-1]["images"]) == 160
    assert any(row["validation_bits_per_dim"] for row in rows) and any(row["bits_per_dim"] for row in rows)
    pictures = {path.name for path in (workdir / "pictures").iterdir()}
    assert pictures == {"samples-000000160.png", "samples-temperature-0.7.png", "reconstructions.png", "curve.png"}
    for name in pictures:
        assert np.asarray(Image.open(workdir / "pictures" / name)).std() > 1
    series = {path.parent.name for path in (workdir / "tensorboard").rglob("events*")}
    assert series == {"tensorboard", "train", "validation", "validation_ema", "test", "test_ema"}

    for part in ("images/s", "left", "test bits/dim", "max reconstruction error", str(workdir), "160/160"):
        assert part in printed
    assert "\r" not in printed


def test_parameters_are_counted(finished_run):
    workdir, _ = finished_run
    results = json.loads((workdir / "results.json").read_text())

    def step(channels, width=8):
        network = 9 * (channels // 2 + 1) * width + width**2 + 9 * (width + 1) * channels + 4 * width + 2 * channels
        return 2 * channels + 2 * channels + channels**2 + channels + network  # actnorm, shift, L and U, log|s|

    assert results["parameters"] == 2 * step(12) + 2 * step(24)


def test_a_finished_run_is_not_trained_again_and_results_keep_what_they_say_of_its_training(
    finished_run, tmp_path, capsys
):
    """Though it is another number of processes, another seed, and other pictures, that it is started with now."""
    shutil.copytree(finished_run[0], tmp_path, dirs_exist_ok=True)
    before = saved_variables(tmp_path)
    earlier = json.loads((tmp_path / "results.json").read_text())
    training = {"world_size": 2, "images_per_second": 12.5, "seconds": 3.5, "seed": 7}
    (tmp_path / "results.json").write_text(json.dumps(earlier | training))
    run_here("train.py", f"--workdir={tmp_path}", *overrides(**{"evaluation.temperatures": "(0.5,)"}))
    printed = capsys.readouterr().out
    assert "going on at 160 images" in printed and "test bits/dim" in printed
    after = saved_variables(tmp_path)
    assert before.keys() == after.keys() and all(np.array_equal(before[name], after[name]) for name in before)
    later = json.loads((tmp_path / "results.json").read_text())
    assert {name: later[name] for name in training} == training and later["images_trained"] == 160
    # This process may divide a batch among threads in another way than that of the run did.
    assert later["test_bits_per_dim"] == pytest.approx(earlier["test_bits_per_dim"], rel=1e-6)
    pictures = {path.name for path in (tmp_path / "pictures").glob("samples-temperature-*")}
    assert pictures == {"samples-temperature-0.5.png"}


@pytest.mark.parametrize("begin", [lambda: training.train(default_config(), ""), lambda: training.evaluate("")])
def test_a_program_that_trains_twice_sees_images_that_came_between(begin, tmp_path):
    image_files.listing(str(tmp_path))
    with pytest.raises(UserError, match="workdir is empty"):
        begin()
    (tmp_path / "a.png").touch()
    assert image_files.listing(str(tmp_path)).paths == ["a.png"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"seconds": "x", "seed": [1], "world_size": 2}', {"world_size": 2}),
        ('{"seconds": 3, "images_trained": 160}', {"seconds": 3, "images_trained": 160}),
        ('{"seconds": 3, "images_trained": 80}', {}),
        ("[]", {}),
        ("3", {}),
        ("x", {}),
    ],
)
def test_of_earlier_results_only_numbers_of_the_same_training_are_kept(tmp_path, text, kept):
    (tmp_path / "results.json").write_text(text)
    assert training_results(Workdir(tmp_path), 160) == kept


@in_full  # as of a run that a signal ended, in tests/resilience/test_signals.py
def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(train, finished_run, tmp_path):
    """Weights, optimizer, averages, data position: bit for bit those of the uninterrupted run."""
    workdir, _ = finished_run
    for images in (80, 160):
        result = train(tmp_path, **{"train.images": images})
        assert result.returncode == 0, result.stderr
    assert "going on at 80 images" in result.stdout
    whole, resumed = saved_variables(workdir), saved_variables(tmp_path)
    assert whole.keys() == resumed.keys() and len(whole) > 100
    different = [name for name in whole if not np.array_equal(whole[name], resumed[name])]
    assert all("seconds" in name or "best_bits_per_dim" in name for name in different), different
    with (tmp_path / "metrics.csv").open() as file:
        images = [int(row["images"]) for row in csv.DictReader(file)]
    assert images == sorted(images)


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("float64", 1e-9)][not FULL :])
def test_two_ranks_are_one_with_twice_the_batch(train, tmp_path, precision, tolerance):
    """Ten steps, flips, noise and data-dependent initialization included, from images that ranks can't share evenly."""
    runs = []
    for ranks in (1, 2):
        fields = {"train.batch_size": 32 // ranks, "train.initialization_images": 33, "model.levels": 1}
        fields |= {"train.images": 320, "model.precision": precision}
        if ranks == 1:
            run_here("train.py", f"--workdir={tmp_path}/1", *overrides(**fields))
        else:
            result = train(tmp_path / "2", ranks=2, **fields)
            assert result.returncode == 0, result.stderr
        runs.append(saved_variables(tmp_path / str(ranks)))
    assert distance(*runs, "weights") < tolerance
    results = [json.loads((tmp_path / str(ranks) / "results.json").read_text()) for ranks in (1, 2)]
    assert [result["world_size"] for result in results] == [1, 2]
    for name in ("test_bits_per_dim", "test_bits_per_dim_ema"):
        np.testing.assert_allclose(results[0][name], results[1][name], atol=2e-4)


@pytest.mark.parametrize(("ranks", "batch_size"), [pytest.param(2, 50, marks=in_full), (1, 37)])
def test_evaluation_counts_each_image_once(finished_run, ranks, batch_size):
    """Any number of ranks and any batch size, ragged last batches included: the same figures."""
    workdir, _ = finished_run
    result = launch("scripts/evaluate.py", f"--workdir={workdir}", f"--batch_size={batch_size}", ranks=ranks)
    assert result.returncode == 0, result.stderr
    expected = json.loads((workdir / "results.json").read_text())
    found = json.loads((workdir / "evaluation.json").read_text())
    for name in ("test_bits_per_dim", "test_bits_per_dim_ema"):
        np.testing.assert_allclose(found[name], expected[name], atol=1e-6)
    assert found["world_size"] == ranks and found["changed_pixels"] == 0
    assert "test bits/dim" in result.stdout


def test_refuses_a_run_of_another_model(finished_run):
    fields = {"model.depth": 3, "model.coupling": "additive"}
    line = refusal("train.py", f"--workdir={finished_run[0]}", *overrides(**fields))
    assert "model.depth is 2 there and 3 here" in line and "model.coupling is affine there and additive here" in line


def test_refuses_a_damaged_checkpoint(finished_run, tmp_path):
    shutil.copytree(finished_run[0], tmp_path, dirs_exist_ok=True)
    for path in (tmp_path / "checkpoints").glob("*.data-*"):
        os.truncate(path, 100)
    assert "can't be restored" in refusal("train.py", f"--workdir={tmp_path}", *overrides())


def test_evaluate_refuses_what_is_no_run(tmp_path):
    assert "holds no run" in refusal("scripts/evaluate.py", f"--workdir={tmp_path}")
    assert "--workdir is missing" in refusal("scripts/evaluate.py")


def test_all_ranks_refuse_at_once(train, tmp_path):
    """An error that only one rank meets (the first looks at the workdir) ends all of them, in one line."""
    (tmp_path / "file").write_text("")
    started = time.monotonic()
    result = train(tmp_path / "file" / "run", ranks=2)
    assert result.returncode != 0 and time.monotonic() - started < 60
    assert result.stderr.count("error: --workdir=") == 1 and "Exit code: 2" in result.stderr + result.stdout


@in_full  # in training itself, tests/resilience/test_jobs.py
def test_a_killed_rank_ends_the_job(tmp_path):
    """No hang: the other rank is gone within seconds, and the status says so."""
    command = ["horovodrun", "--gloo", "-np", "2", sys.executable, str(ROOT / "tests/distributed/two_workers.py")]
    path = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
    pids = tmp_path / "pids"
    environment = os.environ | {"PATH": path, "PIDS": str(pids)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, cwd=ROOT)
    deadline = time.monotonic() + 60
    while not pids.exists() or len(pids.read_text().split()) < 2:
        assert time.monotonic() < deadline, process.kill()
        time.sleep(0.2)
    victim = int(pids.read_text().split()[0])
    os.kill(victim, signal.SIGKILL)
    try:
        process.communicate(timeout=40)
    finally:
        process.kill()
    assert process.returncode != 0
