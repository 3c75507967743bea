"""SIGTERM and SIGINT end a run at the end of its step, with a checkpoint."""

import signal
import time

import numpy as np
import psutil
import pytest

from tests.runs import Running, command_of, overrides, saved_variables

SLOW = {"FAULT": "slow:0:30"}
SCRIPT = "tests/resilience/faulty_train.py"


def flags(workdir, **fields):
    return [f"--workdir={workdir}", *overrides(**{"train.log_seconds": 0.1} | fields)]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_one_rank(tmp_path, number, status):
    fields = {"train.images": 1600}
    with Running(*command_of(SCRIPT, *flags(tmp_path / "run", **fields)), **SLOW) as process:
        assert process.wait_for("bits/dim")
        process.send(number)
        assert process.wait(20) == status
    last = process.output.strip().splitlines()[-1]
    assert last.startswith(f"stopped by {number.name} at ") and "Traceback" not in process.output
    images = int(last.split(" at ")[1].split()[0].replace(",", ""))
    assert 0 < images < 1600 and f"checkpoint at {images:,} images" in last
    assert int(saved_variables(tmp_path / "run")["progress/images_seen"]) == images


def test_two_ranks_and_the_run_goes_on_exactly(tmp_path):
    fields = {"train.images": 1600}
    with Running(*command_of(SCRIPT, *flags(tmp_path / "run", **fields), ranks=2), **SLOW) as process:
        assert process.wait_for("bits/dim")
        workers = process.workers()
        assert len(workers) == 2
        time.sleep(0.1)
        process.send(signal.SIGTERM)  # to horovodrun, as a scheduler does
        assert process.wait(30) != 0
        assert "stopped by SIGTERM at " in process.output
        assert not psutil.wait_procs(workers, timeout=5)[1]
    for workdir in ("run", "whole"):
        command = command_of("train.py", *flags(tmp_path / workdir, **fields), ranks=2)
        with Running(*command) as process:
            assert process.wait(200) == 0, process.output
        assert ("going on at" in process.output) == (workdir == "run")
    one, other = (saved_variables(tmp_path / workdir) for workdir in ("run", "whole"))
    for name in one:
        if "seconds" not in name:
            np.testing.assert_allclose(one[name], other[name], rtol=1e-4, atol=1e-6, err_msg=name)


def test_during_an_evaluation(tmp_path):
    """Which may take longer than a scheduler waits: the checkpoint is that of the step before, and it begins again."""
    fields = {"train.images": 160, "train.evaluate_images": 80, "evaluation.batch_size": 1}
    command = command_of(SCRIPT, *flags(tmp_path, **fields))
    with Running(*command, FAULT="slow:0:150") as process:  # so that a line is due after every step
        assert process.wait_for("80/160")
        process.send(signal.SIGTERM)
        assert process.wait(20) == 143
    assert "stopped by SIGTERM at 80 images" in process.output and "validation at" not in process.output
    command = command_of("train.py", *flags(tmp_path, **fields | {"evaluation.batch_size": 128}))
    with Running(*command) as process:
        assert process.wait() == 0
    assert "going on at 80 images" in process.output and "validation at 80 images" in process.output
