"""What all tests share."""

import fcntl
import gc
import os
import random
import shutil
import signal
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # as the programs have it, see flowconv.process

import keras
import numpy as np
import pytest

from flowconv import distributed, process
from flowconv.signals import SIGNALS
from tests.runs import TINY, launch, overrides

distributed.initialize(images=1)  # before any operation: it sets the number of threads; batches are whole
process.collect_garbage_seldom()  # as the programs do


def pytest_collection_finish():
    """Takes all that was imported out of the search for garbage, since it stays."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def seed_of_tensorflow():
    """TensorFlow's generator begins anew, but not for each test: with it all kernels that were made are forgotten."""
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def seeds():
    """Draws from Python's generator or NumPy's, as Keras', are the same for a test alone or in company."""
    random.seed(0)
    np.random.seed(0)


@pytest.fixture(autouse=True)
def handlers():
    """No signal is ignored as a test begins, by what an earlier one left, or by a shell's `&`: processes inherit it."""
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(scope="session")
def together(tmp_path_factory):
    """A folder that all processes of the tests share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session", autouse=True)
def cache(together):
    """The folder into which all tiny runs decode the photographs, once."""
    TINY["data.cache_dir"] = str(together / "cache")
    return TINY["data.cache_dir"]


@pytest.fixture
def shared():
    """A folder that every user may use; `tmp_path` is for one alone, as is where a program's temporary files go."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o777)
        yield Path(folder)


@pytest.fixture(scope="session")
def train():
    """A function that trains a tiny flow on the photographs: train(workdir, ranks=1, **{"field": value})."""

    def run(workdir, ranks=1, **fields):
        return launch("train.py", f"--workdir={workdir}", *overrides(**fields), ranks=ranks)

    return run


@pytest.fixture(scope="session")
def finished_run(train, together, tmp_path_factory):
    """The workdir of a finished run on one rank, and what it printed; trained once, each process has its own copy."""
    original, own = together / "finished run", tmp_path_factory.mktemp("run") / "workdir"
    printed = together / "what it printed.txt"
    with (together / "finished run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            result = train(original)
            assert result.returncode == 0, result.stderr
            printed.write_text(result.stdout)
    shutil.copytree(original, own)
    return own, printed.read_text().replace(str(original), str(own))
