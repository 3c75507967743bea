"""Measures how long a run takes to its first finished step, which does not grow with the flow's depth.

    python scripts/benchmark.py --config=configs/imagenet64.py --depths=8,48 --batch_size=4 --output=startup.json

Each depth is measured in a process of its own, in alternated rounds: seconds to the end of the first training step,
less one ordinary step, from the moment that step is asked for (which traces it), and from the process' start (with
imports, building, and the data-dependent initialization on one batch).
"""

import json
import subprocess
import sys

import numpy as np
from absl import flags

from flowconv import command_line

DEPTHS = flags.DEFINE_list("depths", ["8", "48"], "depths K to measure")
BATCH_SIZE = flags.DEFINE_integer("batch_size", 4, "images a step")
ROUNDS = flags.DEFINE_integer("rounds", 3, "alternated rounds; the medians count")
OUTPUT = flags.DEFINE_string("output", None, "also write the figures as JSON to this file")
MEASURE = flags.DEFINE_bool("measure", False, "measure the config itself, in this process, and print JSON")


def main(config):
    if MEASURE.value:
        print(json.dumps(measure(config)))
        return
    overrides = [argument for argument in sys.argv[1:] if argument.startswith(("--config", "-config"))]
    rounds = {depth: [] for depth in DEPTHS.value}
    for _ in range(ROUNDS.value):
        for depth, results in rounds.items():
            command = [sys.executable, __file__, *overrides, f"--config.model.depth={depth}", "--measure"]
            command.append(f"--batch_size={BATCH_SIZE.value}")
            printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            results.append(json.loads(printed.splitlines()[-1]))
    figures = {
        depth: {name: float(np.median([result[name] for result in results])) for name in results[0]}
        for depth, results in rounds.items()
    }
    columns = {
        "first_step": "first step",
        "tracing": "of it tracing",
        "startup": "from process start",
        "step": "ordinary step",
    }
    print(f"seconds at batch {BATCH_SIZE.value}\n   K  " + "  ".join(columns.values()))
    for depth, row in figures.items():
        print(f"{depth:>4}  " + "  ".join(f"{row[name]:>{len(title)}.2f}" for name, title in columns.items()))
    if OUTPUT.value:
        with open(OUTPUT.value, "w") as file:
            json.dump({"medians": figures, "rounds": rounds}, file, indent=2)


def measure(config) -> dict[str, float]:
    """Returns the seconds of the first step, of its tracing, of the whole start and of one step, for random images."""
    import time

    import psutil

    started = psutil.Process().create_time()
    import tensorflow as tf

    from flowconv import configuration
    from flowconv.models import build_flow
    from flowconv.training import distributed
    from flowconv.training.step import build_step

    configuration.validate(config)
    distributed.initialize()
    flow = build_flow(config)
    step = build_step(config, flow)
    size = config.data.image_size
    pixels = np.random.default_rng(0).integers(0, 256, (BATCH_SIZE.value, size, size, 3), np.uint8)
    images, first = tf.constant(pixels), tf.constant(0, tf.int64)
    flow.initialize(flow.dequantize(images, 0))
    asked = time.time()
    step.__call__.get_concrete_function(images, first)
    tracing = time.time() - asked
    float(step(images, first)["bits_per_dim"])
    finished = time.time()
    times = []
    for _ in range(3):
        before = time.time()
        float(step(images, first)["bits_per_dim"])
        times.append(time.time() - before)
    ordinary = float(np.median(times))
    return {
        "first_step": finished - asked - ordinary,
        "tracing": tracing,
        "startup": finished - started - ordinary,
        "step": ordinary,
    }


if __name__ == "__main__":
    command_line.run(main, __doc__, with_config=True)
