"""What all tests share."""

import os
import random

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import pytest

from flowconv.training import distributed

distributed.initialize()  # before any operation: it sets the number of threads


@pytest.fixture(autouse=True)
def seeds():
    """Every test draws the same weights, alone or in company."""
    keras.utils.set_random_seed(0)
    random.seed(0)
