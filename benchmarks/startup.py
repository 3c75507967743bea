"""Part "startup": how long a run takes to its first finished step, and how little that grows with the flow's depth.

Each depth is measured in a process of its own, in alternated rounds, on configs/imagenet64.py's model at batch 1:
seconds from the process' start to the end of the first training step, less one ordinary step. In between are imports,
building, drawing and initializing the weights (on one batch) while the step is traced, and the first step with
TensorFlow's optimization of it. As a worker it measures itself, and says so in its ready line.
"""

import dataclasses
import statistics
import time

from benchmarks.alternate import alternate, median
from benchmarks.options import Options
from benchmarks.sizes import Size
from benchmarks.worker_protocol import Actions, serve
from benchmarks.workers import Worker
from flowconv import process

MODEL = Size(depth=48, levels=4, width=512, batch_size=1, image_size=64)
COLUMNS = {
    "startup": "from process start",
    "importing": "of it importing",
    "building": "building",
    "tracing": "tracing and initializing",
    "first_step": "first step",
    "step": "ordinary step",
}


def measure(options: Options) -> dict:
    """Returns startup_seconds by depth (from the process' start), and medians and rounds of all that was measured."""
    asks = {str(depth): lambda depth=depth: _start(depth) for depth in options.depths}
    rounds = alternate(asks, options.rounds)
    medians = {depth: {name: median(each, name) for name in COLUMNS} for depth, each in rounds.items()}
    print(f"\nstart-up: seconds at L {MODEL.levels}, width {MODEL.width}, batch {MODEL.batch_size}")
    print("   K  " + "  ".join(COLUMNS.values()))
    for depth, row in medians.items():
        print(f"{depth:>4}  " + "  ".join(f"{row[name]:>{len(title)}.2f}" for name, title in COLUMNS.items()))
    return {
        "startup_seconds": {depth: row["startup"] for depth, row in medians.items()},
        "startup": {"medians": medians, "rounds": rounds},
    }


def build(size: Size) -> tuple[Actions, dict]:
    """Returns the seconds of the start, of its parts and of one step, for random images."""
    process.prepare()  # as train.py does
    import numpy as np
    import psutil

    started = psutil.Process().create_time()
    import tensorflow as tf

    from benchmarks.configs import config_of
    from flowconv import distributed
    from flowconv.models import build_flow
    from flowconv.training.step import build_step

    config = config_of(size)
    config.data.flip = False
    shape = (size.batch_size, size.image_size, size.image_size, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    times = [started, time.time()]
    distributed.initialize(images=size.batch_size)
    flow = build_flow(config, reset=False)
    step = build_step(config, flow, reset=False)
    batch = {"image": tf.constant(pixels), "position": tf.constant(0, tf.int64)}
    specs = tf.nest.map_structure(tf.TensorSpec.from_tensor, batch)
    times.append(time.time())
    with step.trace_in_background(specs):
        step.initialize(batch)
    times.append(time.time())
    for _ in range(4):
        float(step(batch)["bits_per_dim"])
        times.append(time.time())
    importing, building, tracing, first_step, *steps = np.diff(times)
    ordinary = statistics.median(steps)
    return {}, {
        "startup": times[4] - started - ordinary,
        "importing": importing,
        "building": building,
        "tracing": tracing,
        "first_step": first_step - ordinary,
        "step": ordinary,
    }


def _start(depth):
    with Worker("benchmarks.startup", dataclasses.replace(MODEL, depth=depth)) as worker:
        return worker.facts


if __name__ == "__main__":
    serve(build)
