"""What all tests share."""

import os
import random

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import pytest

from flowconv.training import distributed
from tests.runs import launch, overrides

distributed.initialize()  # before any operation: it sets the number of threads


@pytest.fixture(autouse=True)
def seeds():
    """Every test draws the same weights, alone or in company."""
    keras.utils.set_random_seed(0)
    random.seed(0)


@pytest.fixture(scope="session")
def train(tmp_path_factory):
    """A function that trains a tiny flow on the photographs: train(workdir, ranks=1, **{"field": value})."""
    cache = tmp_path_factory.mktemp("cache")

    def run(workdir, ranks=1, **fields):
        flags = overrides(**{"data.cache_dir": cache} | fields)
        return launch("train.py", f"--workdir={workdir}", *flags, ranks=ranks)

    return run


@pytest.fixture(scope="session")
def finished_run(train, tmp_path_factory):
    """The workdir of a finished run on one rank, and what it printed."""
    workdir = tmp_path_factory.mktemp("run") / "workdir"
    result = train(workdir)
    assert result.returncode == 0, result.stderr
    return workdir, result.stdout
