"""Jobs that are not elastic: a dead worker, a stuck one, and ranks that are about to do different things."""

import signal
import time

import psutil
import pytest

from tests.programs import refusal
from tests.runs import ROOT, SMALL, Running, command_of, in_full, launch, overrides

SCRIPT = "tests/resilience/faulty_train.py"


def test_a_dead_worker_ends_the_job_in_seconds(tmp_path):
    flags = overrides(**SMALL | {"train.images": 16_000, "train.log_seconds": 0.1})
    with Running(*command_of(SCRIPT, f"--workdir={tmp_path}", *flags, ranks=2), FAULT="slow:0:30") as job:
        assert job.wait_for("bits/dim")
        workers = job.workers()
        workers[1].send_signal(signal.SIGKILL)
        started = time.monotonic()
        assert job.wait(60) != 0
        assert time.monotonic() - started < 30
        assert not psutil.wait_procs(workers, timeout=5)[1]
    own = [line for line in job.output.splitlines() if line.startswith("[0]")]
    assert not any("Traceback" in line for line in own), job.output


def test_a_stuck_worker_ends_the_job_with_its_stack(tmp_path):
    flags = overrides(**SMALL | {"train.images": 16_000, "train.watchdog_seconds": 10.0})
    started = time.monotonic()
    result = launch(SCRIPT, f"--workdir={tmp_path}", *flags, ranks=2, FAULT="hang:1:160")
    assert result.returncode != 0 and time.monotonic() - started < 120
    said = result.stdout + result.stderr
    assert "Timeout (0:00:10)!" in said and "faulty_train.py" in said and "in control_flags" in said, said


@in_full
@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("stuck", [False, True])
def test_a_long_evaluation_passes_and_a_stuck_one_ends(ranks, stuck):
    """One of a hundred times the watchdog's seconds, in which the other rank is faster."""
    variables = {"STUCK": "1"} if stuck else {}
    result = launch("tests/resilience/long_evaluation.py", ranks=ranks, PYTHONPATH=str(ROOT), **variables)
    said = result.stdout + result.stderr
    assert said.count("passed") == (0 if stuck else ranks), said
    assert (result.returncode != 0) == stuck == ("Timeout (0:" in said) == ("in stuck" in said), said


@in_full  # what is exchanged, tests/distributed/exchange_worker.py
def test_ranks_that_differ_are_named(tmp_path):
    started = time.monotonic()
    result = launch(SCRIPT, f"--workdir={tmp_path}", *overrides(), ranks=2, FAULT="differ:1:0")
    assert result.returncode != 0 and time.monotonic() - started < 60
    assert "error: ranks 0 and 1 differ in the config: " in result.stderr and "seed" in result.stderr, result.stderr


def test_the_doctor_on_two_ranks(tmp_path):
    result = launch("scripts/doctor.py", f"--workdir={tmp_path}", *overrides(), ranks=2)
    assert result.returncode == 0, result.stderr
    for name in ("versions", "config", "device", "exchange", "data", "memory", "workdir", "disk"):
        assert any(f"ok   {name}" in line for line in result.stdout.splitlines()), (name, result.stdout)
    assert "[rank 0, 1]" in result.stdout and "CURE" not in result.stdout


def test_the_doctor_has_cures(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    fields = {"train.batch_size": 4_000_000, "model.backward": "store", "data.name": "folder", "data.dir": "/none"}
    line = refusal("scripts/doctor.py", f"--workdir={tmp_path}/file/run", *overrides(**fields))
    told = "--config.data.dir=/none is not a folder; name the one that holds the images"
    assert line == f"error: {told} (and 2 more)"
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    bad = [i for i, line in enumerate(lines) if line.startswith("CURE")]
    assert [lines[i].split()[1] for i in bad] == ["data", "memory", "workdir"]
    assert all(lines[i + 1].strip().startswith("→ ") for i in bad)
    assert "take a smaller batch, or --config.model.backward=invert" in printed
