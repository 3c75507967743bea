"""SIGKILL at any moment costs nothing but time."""

import random
import shutil
import signal
import time

import numpy as np

from tests.runs import Running, command_of, in_full, overrides, saved_variables

KILLS = 20
STEPS = 60
FIELDS = {"train.images": 16 * STEPS, "train.evaluate_images": STEPS // 3 * 16, "train.checkpoint_seconds": 0.0}


def arguments(workdir):
    return [f"--workdir={workdir}", *overrides(**FIELDS)]


@in_full
def test_a_run_killed_again_and_again_ends_as_if_it_had_not_been(tmp_path):
    """Weights, optimizer, averages, best score and samples: bit for bit those of the uninterrupted run."""
    whole, killed = tmp_path / "whole/run", tmp_path / "killed/run"  # pictures name the run
    with Running(*command_of("train.py", *arguments(whole))) as process:
        process.wait_for("everything goes to")
        started = time.monotonic()
        process.wait_for("\ntest bits/dim")
        duration = time.monotonic() - started
        assert process.wait() == 0, process.output

    kills = 0
    while kills < KILLS:  # a run that comes to its end before is looked at, and another one begins
        shutil.rmtree(killed, ignore_errors=True)
        kills += run_and_kill(killed, duration, KILLS - kills)
        assert_same(whole, killed)


def run_and_kill(workdir, duration, most):
    """Starts a run again and again, kills it at random moments at most so many times; returns how often it did."""
    kills = 0
    while True:
        with Running(*command_of("train.py", *arguments(workdir))) as process:
            process.wait_for("everything goes to")
            if kills < most:
                time.sleep(random.uniform(0.0, duration))
                process.send(signal.SIGKILL)
            status = process.wait()
        warnings = [line for line in process.output.splitlines() if line.startswith("warning")]
        # What a kill leaves half-written is no damaged checkpoint; only the lock of the killed process is told of.
        assert all("its lock is taken over" in line for line in warnings), process.output
        kills += status == -signal.SIGKILL
        if status == 0:
            return kills
        assert status == -signal.SIGKILL, process.output


def assert_same(whole, killed):
    for folder in ("checkpoints", "best"):
        one, other = saved_variables(whole, folder), saved_variables(killed, folder)
        assert one.keys() == other.keys() and len(one) > 100
        different = [name for name in one if not np.array_equal(one[name], other[name]) and "seconds" not in name]
        assert not different, (folder, different)
    pictures = sorted(path.name for path in (whole / "pictures").iterdir())
    assert len(pictures) > 4
    for name in pictures:
        if name != "curve.png":  # whose points lie where the clock put them
            assert (whole / "pictures" / name).read_bytes() == (killed / "pictures" / name).read_bytes(), name
