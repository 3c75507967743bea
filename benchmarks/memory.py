"""Peak memory of training on a CPU: what a step of flow adds to it, and what an image does."""

import json
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.options import Options
from benchmarks.workers import answer_of
from flowconv import process
from flowconv.config import changed, default_config

MEGABYTE = 1e6
INITIALIZATION_IMAGES = 8  # the same for every batch size: what is measured is the training step
STEPS = 4
WIDTH = 128
DEPTHS = (8, 64)  # between which memory grows, at
BATCH_SIZE = 32
BATCH_SIZES = (1, 64)  # between which memory grows, at
DEPTH = 32


def measure(options: Options) -> dict:
    """Returns bytes_per_image, and in `memory` all figures (see `growth`), by model.backward."""
    averaged = {"train.ema_decay": default_config().train.ema_decay}
    figures = {
        "invert": growth({"model.backward": "invert", **averaged}, options.rounds),
        "invert, no average": growth({"model.backward": "invert", "train.ema_decay": 0.0}, options.rounds),
        "store": growth({"model.backward": "store", **averaged}, options.rounds),
    }
    print(f"\nmemory: peaks, MB, medians; width {WIDTH}, 32×32, L 3")
    for name, row in figures.items():
        peaks = ", ".join(f"{kind}: {value:.0f}" for kind, value in row["peak_megabytes"].items())
        print(f"{name}: {peaks}")
        print(
            f"  K {DEPTHS[0]} to {DEPTHS[1]}: {row['growth_over_four']:.2f} times the added weights, gradients and "
            f"Adam slots, {row['growth_over_kept']:.2f} times with the average, if there is one; "
            f"an image: {row['bytes_per_image'] / MEGABYTE:.2f} MB"
        )
    return {"bytes_per_image": figures["invert"]["bytes_per_image"], "memory": figures}


def growth(fields: Mapping[str, Any], rounds: int) -> dict:
    """Returns how the peak memory of a training process grows with depth and with the batch.

    Each measurement is the peak resident memory of a process of its own that builds the default model (L 3,
    32×32), initializes it, and takes four steps. What the libraries take cancels in the differences.

    Args:
      fields: of the config; train.ema_decay among them.
      rounds: processes of each kind; their medians count.

    Returns:
      peak_megabytes of each kind of process; added_megabytes, of the weights that depth adds, of their gradients, of
      Adam's two slots and of the moving average, as much each; growth_over_four, growth in depth as a multiple of all
      of these but the average, and growth_over_kept, of all, if an average is kept; bytes_per_image, growth with the
      batch.
    """
    common = {"model.width": WIDTH, **fields}
    copies = 4 + (fields["train.ema_decay"] > 0.0)
    kinds = {f"K {k}, batch {BATCH_SIZE}": {"model.depth": k, "train.batch_size": BATCH_SIZE} for k in DEPTHS}
    kinds |= {f"K {DEPTH}, batch {n}": {"model.depth": DEPTH, "train.batch_size": n} for n in BATCH_SIZES}
    results: dict[str, list[dict[str, int]]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, fields in kinds.items():
            results[name].append(in_a_process(common | fields))
    peaks = {name: statistics.median(each["peak_bytes"] for each in runs) for name, runs in results.items()}
    shallow, deep, one, many = peaks.values()
    weights = [runs[0]["weight_bytes"] for runs in results.values()]
    added = weights[1] - weights[0]
    return {
        "peak_megabytes": {name: peak / MEGABYTE for name, peak in peaks.items()},
        "added_megabytes": added / MEGABYTE,
        "growth_over_kept": (deep - shallow) / (copies * added),
        "growth_over_four": (deep - shallow) / (4 * added),
        "bytes_per_image": (many - one) / (BATCH_SIZES[1] - BATCH_SIZES[0]),
        "rounds": results,
    }


def in_a_process(fields: Mapping[str, Any]) -> dict[str, int]:
    """Returns `train_a_little(fields)` of a process of its own."""
    return answer_of(__name__, json.dumps(dict(fields)))


def train_a_little(fields: Mapping[str, Any]) -> dict[str, int]:
    """Takes a few training steps on random images; returns this process' peak_bytes and the model's weight_bytes."""
    process.prepare()  # as train.py does
    import numpy as np
    import tensorflow as tf

    from flowconv import distributed
    from flowconv.models import build_flow
    from flowconv.training.step import build_step

    config = changed(default_config(), fields)
    distributed.initialize(images=config.train.batch_size)
    flow = build_flow(config, reset=False)
    step = build_step(config, flow, reset=False)
    shape = (config.train.batch_size, config.data.image_size, config.data.image_size, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    few = np.resize(images, (INITIALIZATION_IMAGES, *shape[1:]))
    batch = {"image": tf.constant(images), "position": tf.constant(0, tf.int64)}
    with step.trace_in_background(tf.nest.map_structure(tf.TensorSpec.from_tensor, batch)):
        step.initialize({**batch, "image": tf.constant(few)})
    for _ in range(STEPS):
        float(step(batch)["bits_per_dim"])
    return {"peak_bytes": peak_bytes(), "weight_bytes": 4 * flow.parameters}


def peak_bytes() -> int:
    """Returns the most resident memory that this process has had, bytes."""
    # Not getrusage: what it says of a child begins with what the parent had.
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    raise OSError("/proc/self/status has no VmHWM")


if __name__ == "__main__":
    print(json.dumps(train_a_little(json.loads(sys.argv[1]))))
