"""One rank of `scaling`: started by horovodrun with its settings as JSON, it prints its figures on one line."""

import json
import os
import sys
import time

from flowconv import distributed, process

process.prepare()  # as train.py does

import numpy as np
import tensorflow as tf

from benchmarks.configs import config_of
from benchmarks.sizes import Size
from flowconv.config import images_per_rank, validate
from flowconv.models import build_flow
from flowconv.training.step import build_step

settings = json.loads(sys.argv[1])
cores = sorted(os.sched_getaffinity(0))
# Before TensorFlow makes its threads: one core is what every rank has here, be there one rank or two.
local_rank = int(os.environ.get("HOROVOD_LOCAL_RANK", "0"))
os.sched_setaffinity(0, {cores[(local_rank + settings["round"]) % len(cores)]})

size = Size(**settings["size"])
config = config_of(size)
config.update_from_flattened_dict(settings["overrides"])
validate(config)
distributed.initialize(config.distributed.fusion_megabytes)

images = images_per_rank(config)
generator = np.random.default_rng(distributed.rank())
pixels = tf.constant(generator.integers(0, 256, (images, size.image_size, size.image_size, 3), np.uint8))
first = tf.constant(distributed.rank() * images, tf.int64)
flow = build_flow(config)
step = build_step(config, flow)
flow.initialize(pixels[: size.batch_size], config.seed, first, distributed.average)


@tf.function(autograph=False)
def exchange(gradients, loss):
    """Returns the means over all ranks, when all gradients are there; whole steps exchange them as they come."""
    return distributed.average_gradients(gradients, loss, config.distributed.compression, step.gradient_groups())


def in_parts():
    """Takes a step; returns the moments between its parts."""
    moments = [time.perf_counter()]
    loss, gradients = differentiate({"image": pixels, "position": first})
    moments.append(time.perf_counter())
    distributed.average(tf.constant(0.0)).numpy()  # over when the last rank has come
    moments.append(time.perf_counter())
    gradients, loss = exchange(gradients, loss)
    moments.append(time.perf_counter())
    update(loss, gradients)["bits_per_dim"].numpy()
    moments.append(time.perf_counter())
    return moments


def whole():
    """Takes a step as training does; returns its seconds."""
    started = time.perf_counter()
    step({"image": pixels, "position": first})["bits_per_dim"].numpy()
    return time.perf_counter() - started


whole()  # traces
seconds = whole()
steps = distributed.run_on_root(lambda: max(2, round(settings["seconds"] / seconds)))
distributed.average(tf.constant(0.0))
cpu, started = time.process_time(), time.perf_counter()
for _ in range(steps):
    whole()
cpu, elapsed = time.process_time() - cpu, time.perf_counter() - started

differentiate = tf.function(step.differentiate_in_passes, autograph=False)
update = tf.function(lambda loss, gradients: step.update(loss, gradients, images * distributed.size()), autograph=False)
in_parts()  # traces
parts = np.diff([in_parts() for _ in range(max(2, steps // 2))], axis=1)
everyone = np.stack(distributed.gather(parts))  # [ranks, steps, parts]
# Of the mean rank: what the faster one computes less, it waits more.
computing, waiting, allreduce, updating = np.median(everyone.mean(axis=0), axis=0)
bytes_each = 2 if config.distributed.compression == "fp16" else None
if distributed.is_root():
    variables = [variable.value for variable in flow.trainable_variables]
    figures = {
        "images_per_second": steps * images * distributed.size() / elapsed,
        "steps": steps,
        "seconds_per_step": elapsed / steps,
        "threads": cpu / elapsed,
        "seconds": {
            "computing": float(computing),
            "waiting": float(waiting),
            "allreduce": float(allreduce),
            "updating": float(updating),
        },
        "gradient_bytes": sum(int(tf.size(value)) * (bytes_each or value.dtype.size) for value in variables),
        "gradient_tensors": len(variables),
    }
    print(f"FIGURES {json.dumps(figures)}", flush=True)
