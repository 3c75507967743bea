"""Whatever a config holds: a valid one builds, can be inverted and trains a step, an invalid one is refused by name."""

import numpy as np
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowconv.config import SETTINGS, changed, default_config, image_shape, images_per_rank, validate
from flowconv.config.parts import NETWORKS
from flowconv.data import first_of
from flowconv.errors import UserError
from flowconv.models import build_flow
from flowconv.training.step import build_step
from tests.batches import batch_of
from tests.runs import FULL
from tests.strategies import right_values, wrong_values

EXAMPLES = 60 if FULL else 4  # TensorFlow keeps about 25 MB of each example
INITIALIZATION_IMAGES = 64

# What rules between settings refuse often, and what makes a test slow, in the place of what the schema has.
SMALL = {
    "model.levels": st.integers(1, 3),
    "model.depth": st.sampled_from([1, 2, 3, 4]),
    "model.width": st.integers(1, 6),
    "model.kernel_size": st.sampled_from([1, 3, 5]),
    "model.classes": st.integers(1, 4),
    "model.segments": st.just(1),
    "data.image_size": st.sampled_from([8, 16, (8, 16), (16, 8)]),
    "data.patches": st.just(False),
    "train.batch_size": st.integers(1, 3),
    "train.jit_compile": st.sampled_from(["auto", "off"]),
    "optimizer.epsilon": st.floats(1e-30, 1e-3),
    "distributed.backward_passes_per_step": st.integers(1, 2),
}
AGAINST_RULES = {
    "model.levels": st.just(5),
    "model.kernel_size": st.sampled_from([2, 4]),
    "data.image_size": st.sampled_from([9, (8, 9), (9, 8)]),
    "data.patches": st.just(True),
}
DRAWN = {name: setting for name, setting in SETTINGS.items() if setting.kind is not str or setting.names}
VALID = {name: right_values(setting) for name, setting in DRAWN.items()} | SMALL
INVALID = {
    name: st.one_of(wrong_values(setting), AGAINST_RULES.get(name, st.nothing())) for name, setting in DRAWN.items()
}
OF_NETWORKS = {
    "model.blocks": st.just(1),
    "model.heads": st.sampled_from([1, 2]),
    "model.patch_size": st.sampled_from([1, 2, 3]),
}


@st.composite
def configs(draw):
    """A config of which all settings but free text are drawn, at most two of them wrong."""
    names = draw(st.lists(st.sampled_from(sorted(DRAWN)), max_size=2, unique=True)) if draw(st.booleans()) else []
    values = {name: draw((INVALID if name in names else VALID)[name]) for name in DRAWN}
    own = NETWORKS.part(network).keywords if (network := values["model.network"]) in NETWORKS else ()
    of_network = {name: draw(OF_NETWORKS[name]) for name in OF_NETWORKS if name.removeprefix("model.") in own}
    return changed(default_config(), values | of_network)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=not FULL)
@given(configs())
def test_any_config(config):
    try:
        validate(config)
    except UserError as error:
        line = str(error)
        named = line.removeprefix("--config.").split("=")[0]
        assert line.startswith("--config.") and named in {*DRAWN, *OF_NETWORKS} and "\n" not in line
        return
    flow = build_flow(config)
    step = build_step(config, flow)
    # More than a step's, as in training: of a single pixel nothing can be said about its variance.
    pixels = np.random.default_rng(0).integers(0, 256, (INITIALIZATION_IMAGES, *image_shape(config.data)), np.uint8)
    examples = {"image": tf.constant(pixels), "label": tf.zeros(len(pixels), tf.int32)}
    flow.initialize(examples["image"], config.seed, condition=flow.condition_of(examples))
    batch = first_of(examples, images_per_rank(config))
    images, condition = batch["image"], flow.condition_of(batch)
    x = flow.dequantize_midpoint(images)
    error = tf.reduce_max(tf.abs(flow.decode(flow.encode(x, condition), condition) - x)) * 2.0**config.data.n_bits
    assert error < 0.5, float(error)
    figures = step(batch_of(images, label=batch["label"]))
    assert int(step.images_seen) == len(images) and int(figures["skipped"]) in (0, 1)
    assert np.isfinite(figures["bits_per_dim"]) and int(figures["skipped"]) == 0
