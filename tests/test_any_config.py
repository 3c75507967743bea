"""Whatever a config holds: a valid one builds, can be inverted and trains a step, an invalid one is refused by name."""

import numpy as np
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowconv.configuration import CHOICES, default_config, images_per_rank, validate
from flowconv.errors import UserError
from flowconv.models import build_flow
from flowconv.training.step import build_step
from tests.runs import FULL

EXAMPLES = 500 if FULL else 8
INITIALIZATION_IMAGES = 64

VALID = {
    "seed": st.integers(0, 2**31 - 1),
    "model.levels": st.integers(1, 3),
    "model.depth": st.sampled_from([1, 2, 3, 4]),
    "model.width": st.integers(1, 6),
    "model.kernel_size": st.sampled_from([1, 3, 5]),
    "data.image_size": st.sampled_from([8, 16]),
    "data.n_bits": st.integers(1, 8),
    "data.flip": st.booleans(),
    "train.batch_size": st.integers(1, 3),
    "train.ema_decay": st.floats(0.0, 0.999),
    "optimizer.learning_rate": st.floats(0.0, 1e3),
    "optimizer.warmup_images": st.integers(0, 100),
    "optimizer.clip_norm": st.sampled_from([0.0, 1.0, 100.0]),
    "optimizer.epsilon": st.floats(1e-30, 1e-3),
    "distributed.backward_passes_per_step": st.integers(1, 2),
    "distributed.fusion_megabytes": st.integers(0, 128),
    "train.jit_compile": st.sampled_from(["auto", "off"]),
} | {name: st.sampled_from(choices) for name, choices in CHOICES.items() if name != "train.jit_compile"}

INVALID = {
    "seed": st.integers(max_value=-1),
    "model.levels": st.sampled_from([0, -1, 17, 5]),
    "model.depth": st.integers(-5, 0),
    "model.width": st.integers(-5, 0),
    "model.kernel_size": st.sampled_from([0, 2, 4, -3]),
    "data.image_size": st.sampled_from([0, 1, 9, -8]),
    "data.n_bits": st.sampled_from([0, 9, -1]),
    "train.batch_size": st.integers(-5, 0),
    "train.ema_decay": st.sampled_from([-0.1, 1.0, float("nan")]),
    "optimizer.learning_rate": st.sampled_from([-1.0, float("nan"), float("inf")]),
    "optimizer.epsilon": st.sampled_from([-1e-8, 0.0, float("nan")]),
    "distributed.backward_passes_per_step": st.integers(-5, 0),
} | {name: st.text("abcdxyz", min_size=1, max_size=6) for name in CHOICES}


@st.composite
def configs(draw):
    """A config, and the names of all fields that were drawn."""
    config = default_config()
    broken = draw(st.lists(st.sampled_from(sorted(INVALID)), max_size=2, unique=True)) if draw(st.booleans()) else []
    for name, values in VALID.items():
        value = draw(INVALID[name] if name in broken else values)
        config.update_from_flattened_dict({name: value})
    return config


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=not FULL)
@given(configs())
def test_any_config(config):
    try:
        validate(config)
    except UserError as error:
        line = str(error)
        named = line.removeprefix("--config.").split("=")[0]
        assert line.startswith("--config.") and named in VALID and "\n" not in line
        return
    flow = build_flow(config)
    step = build_step(config, flow)
    size = config.data.image_size
    # More than a step's, as in training: of a single pixel nothing can be said about its variance.
    pixels = np.random.default_rng(0).integers(0, 256, (INITIALIZATION_IMAGES, size, size, 3), np.uint8)
    flow.initialize(flow.dequantize(tf.constant(pixels), config.seed))
    images = tf.constant(pixels[: images_per_rank(config)])
    x = flow.level_centres(images)
    error = tf.reduce_max(tf.abs(flow.decode(flow.encode(x)) - x)) * 2.0**config.data.n_bits
    assert error < 0.5, float(error)
    figures = step(images, tf.constant(0, tf.int64))
    assert int(step.images_seen) == len(images) and int(figures["skipped"]) in (0, 1)
    assert np.isfinite(figures["bits_per_dim"]) and int(figures["skipped"]) == 0
