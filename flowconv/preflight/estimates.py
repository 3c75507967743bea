"""Estimates of the memory and the disk that a run takes."""

from ml_collections import ConfigDict

COPIES = 4  # of the weights in memory: themselves, gradients, the optimizer's two slots; and the average, if kept
SAVED_COPIES = 3  # in a checkpoint, without the gradients
PROCESS_BYTES = 0.8e9  # of TensorFlow and Horovod without a model


def approximate_parameters(config: ConfigDict) -> int:
    """Returns about how many trainable numbers the model has: those of its coupling networks, nearly all there are."""
    model, count = config.model, 0
    for level in range(model.levels):
        channels = 12 * 2**level
        outputs = channels if model.coupling == "affine" else channels // 2
        count += model.depth * (9 * (channels // 2 + 1) * model.width + model.width**2 + 9 * model.width * outputs)
    return count


def training_bytes(config: ConfigDict) -> float:
    """Returns about how much memory a worker's training takes, from measurements (docs/explanation/performance.md)."""
    model = config.model
    hidden = (config.data.image_size // 2) ** 2 * model.width * _number_bytes(config)  # a layer's, level 1, an image
    # With "store", each step keeps two and a half of these; the levels together 4/3 of the first one.
    kept = {"invert": 0.0, "recompute": 0.1, "store": 2.5}[model.backward] * model.depth * 4 / 3
    weights = (COPIES + _averages(config)) * _number_bytes(config) * approximate_parameters(config)
    return PROCESS_BYTES + weights + (11 + kept) * hidden * config.train.batch_size


def checkpoint_bytes(config: ConfigDict) -> float:
    """Returns about how large a checkpoint is."""
    return (SAVED_COPIES + _averages(config)) * _number_bytes(config) * approximate_parameters(config)


def _averages(config):
    return int(config.train.ema_decay > 0.0)


def _number_bytes(config):
    return 8 if config.model.precision == "float64" else 4
