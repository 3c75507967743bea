"""Every experiment builds and takes a training step, shrunk to what two cores bear."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from flowconv.config import SETTINGS, default_config, validate
from flowconv.errors import UserError
from flowconv.models import build_flow
from flowconv.training.step import build_step
from tests.batches import batch_of
from tests.runs import parametrized

ON_CPUS = ("photos", "jet_photos", "tarflow_photos")
CONFIGS = sorted((Path(__file__).resolve().parent.parent / "configs").glob("*.py"))


SMALL = {"layers": "1 stripes, squeeze, 1 channels", "blocks": 1, "components": 2, "dequantizer_width": 8, "heads": 2}


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = module.get_config()
    if config.model.condition == "class":
        config.model.classes = 26  # as `data.with_classes` does, of letters
    return config


def pixels(config, n):
    size = config.data.image_size
    return tf.constant(np.random.default_rng(0).integers(0, 256, (n, size, size, config.data.channels)), tf.uint8)


@pytest.mark.parametrize("path", parametrized({path.stem: path for path in CONFIGS}, ON_CPUS))
def test_takes_a_training_step(path):
    config = load(path)
    validate(config)
    config.model.depth = 2
    config.model.width = 8
    for name in SMALL.keys() & set(config.model):
        config.model[name] = SMALL[name]
    config.optimizer.warmup_images = 0
    flow = build_flow(config)
    step = build_step(config, flow)
    batch = batch_of(pixels(config, 2), label=tf.zeros(2, tf.int32))
    flow.initialize(batch["image"], condition=flow.condition_of(batch))
    before = [v.numpy() for v in flow.trainable_variables]
    for _ in range(2):  # before the first, a transformer's last layer is zero, and so are the others' gradients
        figures = step(batch)
    assert np.isfinite(figures["bits_per_dim"]) and np.isfinite(figures["gradient_norm"])
    assert int(figures["skipped"]) == 0 and int(step.images_seen) == 4
    moved = [not np.array_equal(old, v.numpy()) for old, v in zip(before, flow.trainable_variables, strict=True)]
    assert sum(moved) >= len(moved) // 2


@pytest.mark.parametrize(
    ("name", "depth", "levels", "size", "batch", "n_bits"),
    [
        ("cifar10", 32, 3, 32, 64, 8),
        ("imagenet32", 48, 3, 32, 64, 8),
        ("imagenet64", 48, 4, 64, 64, 8),
        ("celebahq256", 32, 6, 256, 1, 5),
    ],
)
def test_has_the_paper_s_numbers(name, depth, levels, size, batch, n_bits):
    config = load(next(path for path in CONFIGS if path.stem == name))
    assert (config.model.depth, config.model.levels, config.model.width) == (depth, levels, 512)
    assert (config.data.image_size, config.train.batch_size, config.data.n_bits) == (size, batch, n_bits)
    assert (config.optimizer.name, config.optimizer.learning_rate) == ("adam", 1e-3)
    assert (config.model.convolution, config.model.prior) == ("shift", "standard")


CHOICES = {name: setting.names for name, setting in SETTINGS.items() if setting.names}
RANGES = {name: (each.at_least, each.at_most) for name, each in SETTINGS.items() if each.kind in (int, float)}


@pytest.mark.parametrize("name", CHOICES)
def test_refuses_an_unknown_choice(name):
    config = default_config()
    config.update_from_flattened_dict({name: CHOICES[name][-1] + "x"})
    with pytest.raises(UserError, match=rf"--config\.{name}=.*must be one of .*did you mean {CHOICES[name][-1]}"):
        validate(config)


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, low - 1) for name, (low, _) in RANGES.items()]
    + [(name, high + 1) for name, (_, high) in RANGES.items() if high is not None],
)
def test_refuses_a_value_out_of_range(name, value):
    config = default_config()
    config.update_from_flattened_dict({name: value})
    with pytest.raises(UserError, match=rf"--config\.{name}={value}: must be "):
        validate(config)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_refuses_what_is_no_number(value):
    config = default_config()
    config.optimizer.learning_rate = value
    with pytest.raises(UserError, match="learning_rate"):
        validate(config)


def test_refuses_a_size_that_levels_cannot_halve():
    config = default_config()
    config.model.levels = 6
    with pytest.raises(UserError, match=r"--config\.data\.image_size=32: must be divisible by 2\^model\.levels = 64"):
        validate(config)


def test_every_number_has_a_lowest_value():
    assert all(low is not None for low, _ in RANGES.values())
