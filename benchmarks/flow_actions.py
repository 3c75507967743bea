"""The actions of a flow that are measured: a training step, encoding to a density, and sampling."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict

from benchmarks.sizes import Size
from flowconv.models import Flow, build_flow
from flowconv.training.step import build_step


def flow_actions(config: ConfigDict, size: Size) -> tuple[Flow, dict[str, Callable[[], tf.Tensor]]]:
    """Returns the flow of a config and its actions by name: "train", "encode" and "sample", each with one number.

    Training is with flips, noise, clipping and averages, as the config has them, of random images.
    """
    flow = build_flow(config)
    step = build_step(config, flow)
    shape = (size.batch_size, size.image_size, size.image_size, 3)
    pixels = tf.constant(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    batch = {"image": pixels, "position": tf.constant(0, tf.int64)}
    step.initialize(batch)
    encode = tf.function(lambda pixels: tf.reduce_mean(flow.bits_per_dim(pixels, seed=0)), autograph=False)
    sample = tf.function(lambda: tf.reduce_mean(flow.sample(size.batch_size, temperature=0.7)), autograph=False)
    return flow, {"train": lambda: step(batch)["bits_per_dim"], "encode": lambda: encode(pixels), "sample": sample}


def numbers(actions: dict[str, Callable[[], tf.Tensor]]) -> dict[str, Callable[[], float]]:
    """Returns the actions as `worker_protocol.serve` takes them: each ends when its number is there."""

    def number(act: Callable[[], tf.Tensor]) -> Callable[[], float]:
        return lambda: float(act())

    return {name: number(act) for name, act in actions.items()}
