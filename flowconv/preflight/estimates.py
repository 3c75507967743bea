"""Estimates of the memory and the disk that a run takes."""

import keras
from ml_collections import ConfigDict

from flowconv.config import backward_of, flatten, image_shape
from flowconv.models import build_flow

COPIES = 4  # of the weights in memory: themselves, gradients, the optimizer's two slots; and the average, if kept
SAVED_COPIES = 3  # in a checkpoint, without the gradients
PROCESS_BYTES = 0.8e9  # of TensorFlow and Horovod without a model


def count_parameters(config: ConfigDict) -> int:
    """Returns the number of trainable numbers of the model, of which none is made: variables have shapes alone."""
    with keras.StatelessScope(initialize_variables=False):
        return build_flow(config, reset=False).parameters


def training_bytes(config: ConfigDict, parameters: int) -> float:
    """Returns about how much memory a worker's training takes, from measurements (docs/explanation/performance.md).

    Args:
      config: the run's.
      parameters: of the model.
    """
    model, (height, width, _) = config.model, image_shape(config.data)
    hidden = (height // 2) * (width // 2) * model.width * _number_bytes(config)  # a layer's, level 1, an image
    # With "store", each step keeps two and a half of these; the levels together 4/3 of the first one.
    kept = {"invert": 0.0, "recompute": 0.1, "store": 2.5}[backward_of(dict(flatten(config)))] * model.depth * 4 / 3
    weights = (COPIES + _averages(config)) * _number_bytes(config) * parameters
    return PROCESS_BYTES + weights + (11 + kept) * hidden * config.train.batch_size


def checkpoint_bytes(config: ConfigDict, parameters: int) -> float:
    """Returns about how large a checkpoint is; arguments as of `training_bytes`."""
    return (SAVED_COPIES + _averages(config)) * _number_bytes(config) * parameters


def _averages(config):
    return int(config.train.ema_decay > 0.0)


def _number_bytes(config):
    return 8 if config.model.precision == "float64" else 4
