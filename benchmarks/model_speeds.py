"""Speeds of models, measured in turns: what else the machine does meanwhile slows all of them."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict

from benchmarks.timing import timed
from flowconv import data, distributed
from flowconv.config import images_per_rank
from flowconv.models import Flow, build_flow
from flowconv.ops.backends import compile_fn
from flowconv.training.step import build_step, uses_xla
from flowconv.utils.progress_bar import progress


def measure_speeds(
    configs: Mapping[str, ConfigDict],
    images: data.ImageData,
    rounds: int,
    flows: Mapping[str, Flow] = MappingProxyType({}),
) -> dict[str, dict[str, float]]:
    """Returns train_images_per_second, encode_images_per_second and decode_images_per_second of each config.

    Over all workers, at the images of the config's training step, medians of alternated rounds.

    Args:
      configs: by name.
      images: that are trained on and encoded.
      rounds: how many.
      flows: trained ones; the others are new. An inverse that iterates, as that of an autoregressive layer, ends after
        a step or two in a new one, whose networks are zero. All other speeds don't depend on weights.
    """
    batch_size = images_per_rank(next(iter(configs.values())))
    batch = {name: tf.constant(each[:batch_size]) for name, each in images.examples("train").items()}
    batch["position"] = tf.constant(0, tf.int64)
    visible = distributed.is_root()
    built = progress(configs.items(), len(configs), "building", "models", visible)
    actions = {name: _actions(config, batch, flows.get(name)) for name, config in built}
    seconds: dict[str, dict[str, list[float]]] = {name: {what: [] for what in does} for name, does in actions.items()}
    for does in progress(actions.values(), len(actions), "tracing", "models", visible):
        for act in does.values():
            act()
    for _ in progress(range(rounds), rounds, "measuring speeds", "rounds", visible):
        for name, does in actions.items():
            for what, act in does.items():
                seconds[name][what].append(timed(act))
    at_once = len(batch["image"]) * distributed.size()
    return {
        name: {what: at_once / float(np.median(values)) for what, values in each.items()}
        for name, each in seconds.items()
    }


def _actions(config, batch, trained):
    flow = trained or build_flow(config)
    step = build_step(config, flow)
    if trained is None:
        step.initialize(batch)
    condition = flow.condition_of(batch)
    x = flow.dequantize(batch["image"], seed=0)
    xla = uses_xla(config.train.jit_compile)
    encode = compile_fn(lambda x: tf.reduce_sum(flow.log_prob(x, condition)), xla)
    decode = compile_fn(lambda latents: tf.reduce_sum(flow.decode(latents, condition)), xla)
    latents = flow.sample_latents(len(x), temperature=0.7)
    return {
        "train_images_per_second": lambda: step(batch)["bits_per_dim"],
        "encode_images_per_second": lambda: encode(x),
        "decode_images_per_second": lambda: decode(latents),
    }
