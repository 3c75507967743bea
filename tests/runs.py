"""Small runs of the programs, alone and under horovodrun."""

import contextlib
import itertools
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from flowconv.config import default_config
from flowconv.process import KERNELS
from flowconv.workdir.checkpoint_folder import CheckpointFolder
from flowconv.workdir.checkpoint_reader import opened

ROOT = Path(__file__).resolve().parents[1]
TINY = {
    "model.levels": 2,
    "model.depth": 2,
    "model.width": 8,
    "data.image_size": 16,
    "train.batch_size": 16,
    "train.initialization_images": 16,
    "train.images": 160,
    "train.evaluate_images": 10_000,
    "train.watchdog_seconds": 60,
    "optimizer.warmup_images": 32,
    "optimizer.schedule": "constant",
    "evaluation.batch_size": 128,
    "evaluation.samples": 4,
    "evaluation.temperatures": "(0.7,)",
}

SMALL = {"model.levels": 1, "model.depth": 1, "model.width": 4}  # the smallest net, where no number matters

FULL = os.environ.get("FULL") == "1"  # `make test-full`: what takes minutes, at full count
in_full = pytest.mark.skipif(not FULL, reason="one of `make test-full`")


def parametrized(values, always):
    """Parameters of a test, by their names: these always, the others in `make test-full`."""
    assert set(always) <= set(values)
    return [pytest.param(value, id=name, marks=() if name in always else in_full) for name, value in values.items()]


def covering(**settings):
    """Parameters of a test, of each its values by their names: each two meet; in `make test-full` all combinations."""
    named = {name: of if isinstance(of, dict) else {str(value): value for value in of} for name, of in settings.items()}
    every = list(itertools.product(*named.values()))

    def pairs(case):
        return set(itertools.combinations(enumerate(case), 2))

    missing, chosen = set().union(*map(pairs, every)), []
    while missing:
        chosen.append(max(every, key=lambda case: len(pairs(case) & missing)))
        missing -= pairs(chosen[-1])
    return pytest.mark.parametrize(
        list(named),
        [
            pytest.param(
                *(each[name] for each, name in zip(named.values(), case, strict=True)),
                id="-".join(case),
                marks=() if case in chosen else in_full,
            )
            for case in every
        ],
    )


def overrides(**fields):
    """The flags of a tiny run, with these fields changed."""
    return [f"--config.{name}={value}" for name, value in (TINY | fields).items()]


def config_of(**fields):
    """The config of a tiny run, with these fields changed."""
    config = default_config()
    values = TINY | {"evaluation.temperatures": (0.7,)} | fields
    with config.ignore_type():
        config.update_from_flattened_dict(values)
    return config


def environment(**variables):
    """What a program of the repository is started with."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    chosen = {name: value for name, value in os.environ.items() if name != KERNELS}  # by it itself
    return chosen | {"PATH": path, "TF_CPP_MIN_LOG_LEVEL": "2"} | variables


@contextlib.contextmanager
def without_rights(folder):
    """While a block runs, this process may do nothing in a folder, also if it is that of root."""
    folder.chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o700)


def command_of(script, *arguments, ranks=1):
    """The command that runs a program of the repository as a user would."""
    command = [sys.executable, str(ROOT / script), *arguments]
    return ["horovodrun", "--gloo", "-np", str(ranks), *command] if ranks > 1 else command


def launch(script, *arguments, ranks=1, timeout=240, **variables):
    """Runs a program of the repository as a user would; returns the finished process."""
    command = command_of(script, *arguments, ranks=ranks)
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=environment(**variables), timeout=timeout
    )


class Running:
    """A program that runs, its output read as it comes; a context manager, which kills it and all it started."""

    def __init__(self, *command, **variables):
        self.output = ""
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env=environment(**variables),
            start_new_session=True,
        )
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            self.output += line

    def wait_for(self, text, count=1, seconds=120.0):
        """Waits until the output has `text` so many times, or the program has ended; returns whether it has."""
        deadline = time.monotonic() + seconds
        while self.output.count(text) < count:
            if self._process.poll() is not None:
                self._reader.join(10)
                return self.output.count(text) >= count
            assert time.monotonic() < deadline, self.output
            time.sleep(0.02)
        return True

    def workers(self):
        """The processes of the ranks, in their order."""
        ranks = {}
        for process in psutil.Process(self.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if "python" in process.name() and "HOROVOD_RANK" in (variables := process.environ()):
                    ranks[int(variables["HOROVOD_RANK"])] = process
        return [ranks[rank] for rank in sorted(ranks)]

    def send(self, number):
        """Sends a signal to the program itself."""
        os.kill(self.pid, number)

    def wait(self, seconds=120.0):
        """Waits for its end; returns its status."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s: {self.output}") from None
        self._reader.join(10)
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(psutil.Error):
            for process in [*psutil.Process(self.pid).children(recursive=True), psutil.Process(self.pid)]:
                with contextlib.suppress(psutil.Error):
                    process.kill()
        self._process.wait()


def saved_variables(workdir, folder="checkpoints", number=None):
    """Everything in the newest checkpoint of a run, or in that of so many images, by name."""
    folder = Path(workdir) / folder
    with opened(folder / f"ckpt-{number}" if number else CheckpointFolder(folder, kept=2).paths()[-1]) as reader:
        return {name: np.asarray(reader.value(name)) for name in reader.names if "/" in name}
