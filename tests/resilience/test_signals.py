"""Signals end a run at once before its first step, then at a good place, with a checkpoint; wherever they come."""

import contextlib
import itertools
import json
import signal
import sys
import threading
import time

import numpy as np
import psutil
import pytest

from flowconv.errors import Interrupted
from flowconv.signals import Signals
from flowconv.training.train import train
from flowconv.training.writers import read_metrics
from tests.runs import FULL, SMALL, Running, command_of, config_of, in_full, overrides, saved_variables
from tests.same_runs import distance

SCRIPT = "tests/resilience/faulty_train.py"
FIELDS = SMALL | {"train.images": 128, "train.evaluate_images": 64, "train.checkpoint_seconds": 0.0}
NAMES = ("TERM", "INT", "HUP", "USR1", "QUIT")
PHASES = ("start-up", "step", "validation", "checkpoint", "test", "pictures")
EVERYWHERE = [
    case
    for case in itertools.product(NAMES, PHASES, (1, 2), ("once", "twice", "all"))
    if case[2:] != (1, "all")  # which is once
]
SOME = [  # and a run on one rank that goes on, below
    ("HUP", "start-up", 1, "once"),
    ("USR1", "validation", 2, "all"),
]
RANK_1 = [("TERM", phase, 2, "to rank 1") for phase in PHASES]


def flags(workdir, ranks=1, **fields):
    return [f"--workdir={workdir}", *overrides(**FIELDS | {"train.batch_size": 16 // ranks} | fields)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The checkpoint, after so many images, of a run on one rank that nothing happens to: undisturbed(images)."""
    workdir = tmp_path_factory.mktemp("undisturbed")
    with Running(*command_of(SCRIPT, *flags(workdir)), FAULT="keep:0:0") as run:
        assert run.wait(200) == 0, run.output
    return lambda images: saved_variables(workdir, number=images)


def send(run, number, how):
    """Sends a signal to the program, once or twice; to it and all that it started; or to the second rank alone."""
    program = psutil.Process(run.pid)
    to = {
        "once": [program],
        "twice": [program, program],
        "all": [program, *program.children(recursive=True)],
        "to rank 1": run.workers()[1:],
    }[how]
    for process in to:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
        time.sleep(0.1 if how == "twice" else 0.0)


@pytest.mark.parametrize(("name", "phase", "ranks", "how"), EVERYWHERE + RANK_1 if FULL else SOME)
def test_wherever_it_comes(tmp_path, undisturbed, name, phase, ranks, how):
    number = signal.Signals[f"SIG{name}"]
    command = command_of(SCRIPT, *flags(tmp_path / "run", ranks), ranks=ranks)
    with Running(*command, FAULT="pause:0:0", PHASE=phase) as run:
        assert run.wait_for(f"in {phase}\n", 1 if phase in ("checkpoint", "pictures") else ranks), run.output
        workers = run.workers()
        send(run, number, how)
        status = run.wait(60)
        assert not psutil.wait_procs(workers, timeout=15)[1]
    if ranks == 1:
        assert status == 128 + number, run.output
        assert run.output.splitlines()[-1].startswith(f"stopped by {number.name}") and "Traceback" not in run.output
    else:  # horovodrun's own: of the signal, unless it hands it on
        assert status == (1 if name in ("TERM", "INT") or how == "to rank 1" else -number), run.output
        # In start-up a rank ends at once, and the first one may see that before horovodrun's signal reaches it.
        speaker = 1 if (phase, how) == ("start-up", "to rank 1") else 0
        assert status != 1 or f"[{speaker}]<stderr>:stopped by SIG" in run.output, run.output
        assert not [line for line in run.output.splitlines() if line.startswith("[") and "Traceback" in line]
    assert not list(tmp_path.rglob("*.part")) and not list(tmp_path.rglob("*_temp*"))
    if phase == "start-up":
        assert not (tmp_path / "run" / "checkpoints").exists()
        return
    saved = saved_variables(tmp_path / "run")
    images = int(saved["progress/images_seen"])
    assert images == {"step": 64, "validation": 64, "checkpoint": 64}.get(phase, 128), run.output
    right = undisturbed(images)
    assert saved.keys() == right.keys()
    if ranks == 1:
        different = [name for name in saved if not np.array_equal(saved[name], right[name])]
        assert all("seconds" in name for name in different), different
        return
    for part in ("weights", "optimizer"):  # two ranks add in another order: see tests/training/test_train.py
        assert distance(saved, right, part) < 1e-4
    assert distance(saved, undisturbed(images - 16), "weights") > 1e-3  # the control: a step before


def test_in_the_middle_of_a_library():
    """Python handles signals between two of its own instructions; here it waits in one of a library."""
    program = (
        "import ctypes, sys\n"
        "from flowconv.cli.command import Command\n"
        "lock = ctypes.create_string_buffer(64)\n"
        "def act(given):\n"
        "    print('in a library', flush=True)\n"
        "    ctypes.CDLL(None).pthread_mutex_lock(lock) or ctypes.CDLL(None).pthread_mutex_lock(lock)\n"
        "Command(act, 'A program.')()\n"
    )
    with Running(sys.executable, "-c", program) as run:
        assert run.wait_for("in a library\n")
        time.sleep(0.2)
        run.send(signal.SIGTERM)
        assert run.wait(20) == 143
    assert run.output.splitlines()[-1] == "stopped by SIGTERM: the same command begins again"


def test_what_the_process_was_told_to_ignore_stays_ignored():
    """As nohup does."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals() as signals:
            signal.raise_signal(signal.SIGHUP)
            assert not signals.received
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_first_signal_counts_and_handlers_come_back():
    before = signal.getsignal(signal.SIGTERM)
    with Signals() as signals, pytest.raises(Interrupted) as stopped:
        with signals, signals.deferred():
            for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGUSR1):
                signal.raise_signal(number)
            assert signals.received == signal.SIGUSR1
        with signals.deferred(), signals.at_once():
            pytest.fail("a signal had come before")
    assert stopped.value.signal == signal.SIGUSR1 and "SIGUSR1" in str(stopped.value)
    assert signal.getsignal(signal.SIGTERM) == before and not signals.received


def test_training_off_the_main_thread(tmp_path):
    """Where Python can't handle signals: they go to whom they went before."""
    caught = []
    before = signal.signal(signal.SIGUSR1, lambda *_: caught.append(True))
    found = []
    try:
        thread = threading.Thread(target=lambda: found.append(train(config_of(**FIELDS), tmp_path / "run")))
        thread.start()
        signal.raise_signal(signal.SIGUSR1)
        thread.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert caught and found and found[0]["images_trained"] == 128
    assert json.loads((tmp_path / "run" / "results.json").read_text())["images_trained"] == 128


@in_full
def test_two_ranks_and_the_run_goes_on_exactly(tmp_path):
    fields = SMALL | {"train.images": 1600, "train.log_seconds": 0.1}
    command = command_of(SCRIPT, f"--workdir={tmp_path / 'run'}", *overrides(**fields), ranks=2)
    with Running(*command, FAULT="slow:0:60") as process:
        assert process.wait_for("bits/dim")
        workers = process.workers()
        assert len(workers) == 2
        process.send(signal.SIGTERM)  # to horovodrun, as a scheduler does
        assert process.wait(30) == 1
        assert "stopped by SIGTERM at " in process.output
        assert not psutil.wait_procs(workers, timeout=5)[1]
    for workdir in ("run", "whole"):
        command = command_of("train.py", f"--workdir={tmp_path / workdir}", *overrides(**fields), ranks=2)
        with Running(*command) as process:
            assert process.wait(200) == 0, process.output
        assert ("going on at" in process.output) == (workdir == "run")
    one, other = (saved_variables(tmp_path / workdir) for workdir in ("run", "whole"))
    for name in one:
        if "seconds" not in name:
            np.testing.assert_allclose(one[name], other[name], rtol=1e-4, atol=1e-6, err_msg=name)


def test_an_evaluation_that_was_stopped_begins_again_and_the_run_ends_bit_for_bit_as_if_nothing_was(
    tmp_path, undisturbed
):
    """Weights, optimizer, averages, data position."""
    command = command_of(SCRIPT, *flags(tmp_path))
    with Running(*command, FAULT="pause:0:0", PHASE="validation") as process:
        assert process.wait_for("in validation")
        send(process, signal.SIGINT, "twice")
        assert process.wait(20) == 130
    assert "stopped by SIGINT at 64 images" in process.output and "validation at" not in process.output
    assert "Traceback" not in process.output
    with Running(*command_of("train.py", *flags(tmp_path))) as process:
        assert process.wait() == 0
    assert "going on at 64 images" in process.output and "validation at 64 images" in process.output
    one, whole = saved_variables(tmp_path), undisturbed(128)
    assert one.keys() == whole.keys() and len(one) > 50
    different = [name for name in one if not np.array_equal(one[name], whole[name])]
    assert all("seconds" in name or "best_bits_per_dim" in name for name in different), different
    images = [row["images"] for row in read_metrics(tmp_path / "metrics.csv")]
    assert images == sorted(images)
