"""Part "families": every flow's training step and encoding, against its own products and convolutions."""

import functools

from ml_collections import ConfigDict

from benchmarks import memory
from benchmarks.alternate import alternate, median, ratio
from benchmarks.options import Options
from benchmarks.sizes import SMALL
from benchmarks.workers import Worker
from flowconv.config import flatten
from flowconv.process import KERNELS

TASKS = ("train", "encode")  # not sampling: inverses that iterate end early before they are trained


def measure(options: Options) -> dict:
    """Returns in `families`, by name: images_per_second, seconds over each floor, peak_megabytes, and all rounds.

    A floor is what the flow's own products and convolutions take. X_over_own_floor: with convolutions as
    `tf.nn.conv2d` has them, and the kernels that the program runs with; X_over_fast_floor: as the program has them;
    train_over_floor: as `tf.nn.conv2d`, with the kernels of TensorFlow as it comes. "stored" is a training step with
    model.backward=store, "train" one as the config has it.
    """
    return {"families": {name: _measure(name, config, options.rounds) for name, config in options.variants.items()}}


def _measure(name: str, config: ConfigDict, rounds: int) -> dict:
    fields = dict(flatten(config))
    module, own = "benchmarks.family_worker", {KERNELS: "0"}
    with (
        Worker(module, SMALL, fields=fields) as flow,
        Worker(module, SMALL, fields={**fields, "model.backward": "store"}) as stored,
        Worker(module, SMALL, environment=own, fields=fields, floor="library") as same,
        Worker(module, SMALL, environment=own, fields=fields, floor="products") as fast,
        Worker(module, SMALL, environment={KERNELS: "1"}, fields=fields, floor="library") as comes,
    ):
        asks = {task: functools.partial(flow.ask, task) for task in TASKS}
        asks |= {"stored": functools.partial(stored.ask, "train")}
        asks |= {f"own_floor {task}": functools.partial(same.ask, task) for task in TASKS}
        asks |= {f"fast_floor {task}": functools.partial(fast.ask, task) for task in TASKS}
        asks |= {"floor train": functools.partial(comes.ask, "train")}
        measured = alternate(asks, rounds)
        facts = {"parameters": flow.facts["parameters"], "products": fast.facts["products"]}
    floors = [name.split() for name in measured if " " in name]
    over = {f"{task}_over_{floor}": ratio(measured, task, f"{floor} {task}") for floor, task in floors}
    over["stored_over_own_floor"] = ratio(measured, "stored", "own_floor train")
    speeds = {task: SMALL.batch_size / median(measured[task]) for task in (*TASKS, "stored")}
    peak = memory.in_a_process(fields)["peak_bytes"] / memory.MEGABYTE
    print(f"\n{name}: {', '.join(f'{task} {rate:.0f}' for task, rate in speeds.items())} images/s, {peak:.0f} MB")
    print(", ".join(f"{each} {value:.2f}" for each, value in over.items()), flush=True)
    return {**facts, "images_per_second": speeds, **over, "peak_megabytes": peak, "rounds": measured}
