"""Worker that runs flowconv: actions "train", "encode" and "sample"."""

from benchmarks.configs import config_of
from benchmarks.sizes import Size
from benchmarks.worker_protocol import Actions, serve
from flowconv import process
from flowconv.config import changed, validate


def build(size: Size, backward: str, precision: str, **settings: int | str) -> tuple[Actions, dict]:
    """Returns training with flips, noise, clipping and averages, encoding to a density, and sampling.

    Arguments as `worker_protocol.serve` and `flowconv.config` have them, settings being of `config.model`; all else is
    the default configuration.
    """
    process.prepare(precision)  # as train.py does
    import numpy as np
    import tensorflow as tf

    from benchmarks.machine import threads
    from flowconv import distributed
    from flowconv.models import build_flow
    from flowconv.training.step import build_step

    distributed.initialize(images=size.batch_size)
    settings |= {"backward": backward, "precision": precision}
    config = changed(config_of(size), {f"model.{name}": value for name, value in settings.items()})
    validate(config)

    flow = build_flow(config)
    step = build_step(config, flow)
    shape = (size.batch_size, size.image_size, size.image_size, 3)
    pixels = tf.constant(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    first = tf.constant(0, tf.int64)
    flow.initialize(pixels, average=distributed.average)
    encode = tf.function(lambda pixels: tf.reduce_mean(flow.bits_per_dim(pixels, seed=0)), autograph=False)
    sample = tf.function(lambda: tf.reduce_mean(flow.sample(size.batch_size, temperature=0.7)), autograph=False)
    actions = {
        "train": lambda: float(step({"image": pixels, "position": first})["bits_per_dim"]),
        "encode": lambda: float(encode(pixels)),
        "sample": lambda: float(sample()),
    }
    return actions, {"parameters": flow.parameters, "threads": threads()}


if __name__ == "__main__":
    serve(build)
