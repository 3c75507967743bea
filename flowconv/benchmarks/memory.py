"""Peak memory of training on a CPU: what a step of flow adds to it, and what an image does."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowconv.configuration import default_config

ROOT = Path(__file__).resolve().parent.parent.parent
MEGABYTE = 1e6
INITIALIZATION_IMAGES = 8  # the same for every batch size: what is measured is the training step
STEPS = 4


def measure(
    width: int = 128,
    depths: tuple[int, int] = (8, 64),
    batch_sizes: tuple[int, int] = (1, 64),
    *,
    batch_size: int = 32,
    depth: int = 32,
    backwards: tuple[str, ...] = ("invert", "store"),
    fields: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Returns how the peak memory of a training process grows with depth and with the batch.

    Each measurement is the peak resident memory of a process of its own that builds the default model (L 3,
    32×32), initializes it, and takes four steps. What the libraries take cancels in the differences.

    Args:
      width: channels of the coupling networks.
      depths: the two K between which memory grows, at `batch_size`.
      batch_sizes: the two between which memory grows, at `depth`.
      batch_size: images a step, where depth varies.
      depth: K, where the batch varies.
      backwards: the values of model.backward to measure.
      fields: further fields of the config, as {"model.convolution": "conv1x1"}.

    Returns:
      By the value of model.backward: peak_megabytes of each process, and
      * bytes_over_weights_gradients_and_slots: growth in depth as a multiple of the bytes of the weights that come
        with it, counted four times: weights, gradients, and Adam's two slots. (The moving average of the weights is a
        fifth copy: it is in the growth and not in what that is divided by, so 1.25 is the least there can be.)
      * bytes_per_image: growth with the batch.
    """
    figures = {}
    for backward in backwards:
        common = {"model.width": width, "model.backward": backward} | dict(fields or {})
        runs = {f"K {k}, batch {batch_size}": {"model.depth": k, "train.batch_size": batch_size} for k in depths}
        runs |= {f"K {depth}, batch {n}": {"model.depth": depth, "train.batch_size": n} for n in batch_sizes}
        results = {name: in_a_process(common | run) for name, run in runs.items()}
        low, high, one, many = results.values()
        added = 4 * (high["weight_bytes"] - low["weight_bytes"])
        figures[backward] = {
            "peak_megabytes": {name: result["peak_bytes"] / MEGABYTE for name, result in results.items()},
            "added_megabytes": {"weights, gradients, slots": added / MEGABYTE, "moving average": added / 4 / MEGABYTE},
            "bytes_over_weights_gradients_and_slots": (high["peak_bytes"] - low["peak_bytes"]) / added,
            "bytes_per_image": (many["peak_bytes"] - one["peak_bytes"]) / (batch_sizes[1] - batch_sizes[0]),
        }
    return figures


def in_a_process(fields: Mapping[str, Any]) -> dict[str, int]:
    """Returns `train_a_little(fields)` of a process of its own."""
    command = [sys.executable, "-m", __name__, json.dumps(dict(fields))]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout
    return json.loads(printed.splitlines()[-1])


def train_a_little(fields: Mapping[str, Any]) -> dict[str, int]:
    """Takes a few training steps on random images; returns this process' peak_bytes and the model's weight_bytes."""
    import numpy as np
    import tensorflow as tf

    from flowconv.models import build_flow
    from flowconv.training import distributed
    from flowconv.training.step import build_step

    config = default_config()
    config.update_from_flattened_dict(dict(fields))
    distributed.initialize()
    flow = build_flow(config)
    step = build_step(config, flow)
    shape = (config.train.batch_size, config.data.image_size, config.data.image_size, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    few = np.resize(images, (INITIALIZATION_IMAGES, *shape[1:]))
    flow.initialize(flow.dequantize(tf.constant(few), 0))
    for _ in range(STEPS):
        float(step(tf.constant(images), tf.constant(0, tf.int64))["bits_per_dim"])
    return {"peak_bytes": peak_bytes(), "weight_bytes": 4 * flow.parameters}


def peak_bytes() -> int:
    """Returns the most resident memory that this process has had, bytes."""
    # Not getrusage: what it says of a child begins with what the parent had.
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    raise OSError("/proc/self/status has no VmHWM")


if __name__ == "__main__":
    print(json.dumps(train_a_little(json.loads(sys.argv[1]))))
