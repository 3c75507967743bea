"""Workdir, metrics, progress, watchdog."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from flowconv.config import default_config, flatten
from flowconv.errors import UserError
from flowconv.training import preflight
from flowconv.training.metrics import MetricsFile, Progress, duration, read_metrics
from flowconv.training.workdir import Workdir
from tests.runs import ROOT, Running


def test_config_survives_the_workdir(tmp_path):
    config = default_config()
    config.model.depth = 7
    config.data.dir = "/data"
    workdir = Workdir(tmp_path / "a" / "b")
    workdir.check(config)
    workdir.save_config(config)
    assert dict(flatten(workdir.load_config())) == dict(flatten(config))
    workdir.check(config)  # a run may go on


def test_other_fields_than_the_model_s_may_change(tmp_path):
    workdir = Workdir(tmp_path)
    config = default_config()
    workdir.save_config(config)
    config.optimizer.learning_rate = 1.0
    config.train.batch_size = 3
    config.model.backward = "store"
    config.model.precision = "bfloat16"
    workdir.check(config)
    for field, value in (("model.levels", 2), ("data.n_bits", 5), ("model.precision", "float64")):
        other = default_config()
        other.update_from_flattened_dict({field: value})
        with pytest.raises(UserError, match=rf"{field} is .* there and {value} here"):
            workdir.check(other)


def test_json_is_whole_or_absent(tmp_path):
    workdir = Workdir(tmp_path)
    workdir.save_config(default_config())
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
    assert json.loads(workdir.config.read_text())["model"]["levels"] == 3


def hold(workdir):
    """A process that holds the lock of a workdir."""
    code = f"from flowconv.training.workdir import Workdir\nwith Workdir({str(workdir)!r}).alone(): print(); input()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    process.stdout.readline()
    return process


@pytest.mark.parametrize("refused", [Workdir.check, lambda workdir, config: workdir.alone().__enter__()])
def test_a_second_job_is_refused_by_the_name_of_the_first(tmp_path, refused):
    process = hold(tmp_path)
    line = rf"^--workdir={tmp_path}: process {process.pid} on {socket.gethostname()}, started .*, is writing there"
    with pytest.raises(UserError, match=line):
        refused(Workdir(tmp_path), default_config())
    process.communicate(b"\n")
    refused(Workdir(tmp_path), default_config())


@pytest.mark.parametrize("killed", [True, False])
def test_a_lock_that_was_left_is_taken_over_and_said(tmp_path, capsys, killed):
    process = hold(tmp_path)
    if killed:
        process.kill()
    process.communicate(b"\n")
    with Workdir(tmp_path).alone():
        said = capsys.readouterr().err
        assert said.count("\n") == killed and (f"process {process.pid} on" in said) == killed
        assert f"process {os.getpid()} on" in (tmp_path / "lock").read_text()
    assert (tmp_path / "lock").read_text() == ""


@pytest.mark.parametrize("content", [b"\xff" * 1000, b"\n\n", b"process 1"])
def test_what_stands_in_a_lock_matters_to_nobody(tmp_path, content):
    (tmp_path / "lock").write_bytes(content)
    with Workdir(tmp_path).alone(), pytest.raises(UserError, match=f"process {os.getpid()} on"):
        Workdir(tmp_path).check(default_config())


def test_a_check_makes_nothing(tmp_path):
    Workdir(tmp_path / "a" / "b").check(default_config())
    assert not list(tmp_path.iterdir())


LAUNCHERS = [
    {"OMPI_COMM_WORLD_SIZE": "4"},
    {"PMI_SIZE": "4"},
    {"PMIX_SIZE": "4"},
    {"SLURM_NTASKS": "4", "SLURM_PROCID": "3"},
    {"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "0"},
]
SINGLE = [{}, {"OMPI_COMM_WORLD_SIZE": "1"}, {"SLURM_NTASKS": "4"}, {"OMPI_COMM_WORLD_SIZE": "4", "HOROVOD_RANK": "0"}]


@pytest.mark.parametrize(("variables", "refused"), [(v, True) for v in LAUNCHERS] + [(v, False) for v in SINGLE])
def test_processes_that_horovod_does_not_see_are_refused(tmp_path, monkeypatch, variables, refused):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    (row,) = (row for row in preflight.examine(default_config(), Workdir(tmp_path)) if row.name == "exchange")
    assert row.wrong == refused
    if refused:
        assert "started 4 processes" in row.found and "horovodrun --gloo -np 4" in row.found


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


def test_progress_prints_compact_lines(capsys):
    progress = Progress(1000, 0, log_seconds=0.0)
    assert progress.due()
    progress.line(3, 250, 4.5678, 50.0)
    progress.line(4, 300, 4.5, 0.0)
    progress.close()
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(lines[0].split()) == "step 3 images 250/1,000 4.568 bits/dim 50 images/s 0:15 left"
    assert len(lines) == 2 and "left" not in lines[1]


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (61.4, "1:01"), (3599.6, "1:00:00"), (36610, "10:10:10")])
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_a_stuck_process_shows_its_stack_and_ends():
    code = (
        "import time\n"
        "from flowconv.training.distributed import Watchdog\n"
        "dog = Watchdog(0.5)\n"
        "dog.feed(); time.sleep(0.2); dog.feed()\n"
        "def stuck(): time.sleep(60)\n"
        "stuck()\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert result.returncode != 0 and "in stuck" in result.stderr and "Timeout" in result.stderr


def test_time_in_which_the_process_was_stopped_does_not_count():
    code = (
        "import time\n"
        "from flowconv.training.distributed import Watchdog\n"
        "dog = Watchdog(2.0)\n"
        "dog.feed()\n"
        "print('fed', flush=True)\n"
        "for _ in range(10): time.sleep(0.1)\n"
        "print('done')\n"
    )
    with Running(sys.executable, "-c", code) as process:
        assert process.wait_for("fed")
        process.send(signal.SIGSTOP)
        time.sleep(3.0)
        process.send(signal.SIGCONT)
        assert process.wait(30) == 0 and "done" in process.output, process.output
