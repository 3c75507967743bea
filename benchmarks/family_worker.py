"""Worker that runs any flow: actions "train", "encode" and "sample", and each of its products and convolutions alone.

With `floor` the actions are these products, convolutions being computed as the program does, or ("library") as
`tf.nn.conv2d` does. Those of training are of the forward pass and of its gradients, each once, whatever
`model.backward` computes again.
"""

from collections.abc import Callable, Mapping
from typing import Any
from unittest import mock

from benchmarks.sizes import Size
from benchmarks.worker_protocol import Actions, serve
from flowconv import process
from flowconv.config import changed, restored

FLOORS = ("library", "products")


def build(size: Size, fields: Mapping[str, Any], floor: str = "") -> tuple[Actions, dict]:
    """Returns the actions of a flow, or those of a floor of it.

    Args:
      size: of images and batches.
      fields: of the config, by name.
      floor: one of `FLOORS`, or none.
    """
    process.prepare("float32")  # as train.py does
    import numpy as np
    import tensorflow as tf

    from benchmarks import products
    from benchmarks.machine import threads
    from flowconv import distributed
    from flowconv.models import build_flow
    from flowconv.training.step import build_step

    distributed.initialize(images=size.batch_size)
    config = changed(restored(fields), {"model.backward": "store"} if floor else {})
    flow = build_flow(config)
    step = build_step(config, flow)
    shape = (size.batch_size, size.image_size, size.image_size, 3)
    pixels = tf.constant(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    batch = {"image": pixels, "position": tf.constant(0, tf.int64)}
    step.initialize(batch)
    encode = tf.function(lambda: tf.reduce_mean(flow.bits_per_dim(pixels, seed=0)), autograph=False)
    sample = tf.function(lambda: tf.reduce_mean(flow.sample(size.batch_size, temperature=0.7)), autograph=False)
    acts: dict[str, Callable[[], tf.Tensor]] = {
        "train": lambda: step(batch)["bits_per_dim"],
        "encode": encode,
        "sample": sample,
    }
    facts: dict[str, Any] = {"parameters": flow.parameters, "threads": threads()}
    if floor:
        with mock.patch("flowconv.ops.conv2d.runs_on_cpu", lambda: floor != "library"):
            counted = {task: products.count_products(act) for task, act in acts.items()}
        products.leave_graphs_alone()
        acts = {task: products.compute_again(each, threads()) for task, each in counted.items()}
        facts["products"] = {task: sum(each.values()) for task, each in counted.items()}
    return {task: _number(act) for task, act in acts.items()}, facts


def _number(act):
    return lambda: float(act())


if __name__ == "__main__":
    serve(build)
