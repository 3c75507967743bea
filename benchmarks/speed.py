"""Part "speed": a training step, encoding and sampling, against the convolutions alone and against other programs."""

import contextlib
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.alternate import Rounds, alternate, fastest, median, ratio
from benchmarks.options import Options
from benchmarks.sizes import Size
from benchmarks.workers import Worker, WorkerError
from flowconv.process import KERNELS

TASKS = ("train", "encode", "sample")
PEERS = ("normflows", "nflows", "tfp")
LIBRARIES_OF_OURS = ("tfp",)  # peers that run in this program's own environment


@dataclass(frozen=True)
class System:
    """A worker: its name in tables, its module, the actions that are asked of it, its settings and environment."""

    name: str
    module: str
    actions: tuple[str, ...] = TASKS
    python: str = sys.executable
    settings: dict = field(default_factory=dict)
    environment: dict = field(default_factory=dict)

    @property
    def optional(self) -> bool:
        """Whether the rest is still worth measuring where this can't run."""
        return self.name in PEERS


def systems(options: Options) -> list[System]:
    """Returns what is measured."""
    ours, floor = "benchmarks.flowconv_worker", "benchmarks.floor"
    chosen = [
        System("floor", floor, ("conv2d", "products")),
        System("own floor", floor, ("conv2d",), environment={KERNELS: "0"}),
        System("store", ours, settings={"backward": "store", "precision": "float32"}),
        System("invert", ours, ("train",), settings={"backward": "invert", "precision": "float32"}),
    ]
    if options.bfloat16:
        chosen.append(System("bf16", ours, settings={"backward": "store", "precision": "bfloat16"}))
    if options.peers:
        for name in PEERS:
            python = sys.executable if name in LIBRARIES_OF_OURS else options.peers
            chosen.append(System(name, f"benchmarks.peers.glow_of_{name}", python=python))
    return chosen


def measure(options: Options) -> dict:
    """Returns {size: figures}: ratios, images/s, CPU seconds, parameters, what is absent and why, and all rounds."""
    results = {}
    for name, size in options.sizes.items():
        with _workers(systems(options), size) as (workers, absent):
            asks = {
                f"{system.name} {action}": lambda worker=worker, action=action: worker.ask(action)
                for system, worker in workers
                for action in system.actions
                if action in worker.facts["actions"]
            }
            rounds = alternate(asks, options.rounds)
            facts = {system.name: worker.facts for system, worker in workers}
        figures = summarize(rounds, size)
        figures |= {
            "parameters": {system: fact["parameters"] for system, fact in facts.items()},
            "threads": {system: fact["threads"] for system, fact in facts.items()},
            "versions": {k: v for fact in facts.values() for k, v in fact.get("versions", {}).items()},
            "absent": absent,
            "rounds": rounds,
        }
        print(table(name, size, figures), flush=True)
        results[name] = figures
    return results


def summarize(rounds: Rounds, size: Size) -> dict:
    """Returns the ratios that the rounds allow, of seconds and (of_cpu_seconds) of all threads' CPU time, and medians.

    "X_over_Y" is seconds of X over seconds of Y; "X_vs_Y" is how many times as fast X is. Ours against peers is
    float32 with backward=store. The floor's kernels are those of TensorFlow as it comes, "own" are TensorFlow's own,
    without oneDNN, with which ours runs.
    """
    pairs = {
        "train_over_floor": ("store train", "floor conv2d"),
        "train_over_own_floor": ("store train", "own floor conv2d"),
        "train_over_fast_floor": ("store train", "floor products"),
        "invert_over_store": ("invert train", "store train"),
        "bf16_vs_float32": ("store train", "bf16 train"),
    }
    best = {task: fastest(rounds, [f"{peer} {task}" for peer in PEERS]) for task in TASKS}
    for task, peer in best.items():
        if peer is not None:
            pairs[f"{task}_vs_best_peer"] = (peer, f"store {task}")
            pairs[f"bf16_{task}_vs_best_peer"] = (peer, f"bf16 {task}")
    measured = {name: pair for name, pair in pairs.items() if rounds.keys() >= set(pair)}
    not_finite = [name for name, each in rounds.items() if not all(math.isfinite(a["result"]) for a in each)]
    return {
        **{name: ratio(rounds, *pair) for name, pair in measured.items()},
        "of_cpu_seconds": {name: ratio(rounds, *pair, "cpu_seconds") for name, pair in measured.items()},
        **({"not_finite": not_finite} if not_finite else {}),
        "best_peer": {task: peer.split()[0] for task, peer in best.items() if peer is not None},
        "images_per_second": {name: size.batch_size / median(each) for name, each in rounds.items()},
        "cpu_seconds": {name: median(each, "cpu_seconds") for name, each in rounds.items()},
    }


def table(name: str, size: Size, figures: dict) -> str:
    """Returns the lines that are printed for one size."""
    title = f"{name}: {size.image_size}×{size.image_size}, K {size.depth}, L {size.levels}, width {size.width}"
    lines = [f"\n{title}, batch {size.batch_size}", f"{'':<18}{'seconds':>9}{'CPU s':>9}{'images/s':>10}"]
    for ask, images in figures["images_per_second"].items():
        seconds = size.batch_size / images
        lines.append(f"{ask:<18}{seconds:>9.3f}{figures['cpu_seconds'][ask]:>9.3f}{images:>10.1f}")
    millions = ", ".join(f"{system} {count / 1e6:.2f}" for system, count in figures["parameters"].items())
    lines.append(f"million parameters: {millions}")
    lines += [f"absent: {what}: {why}" for what, why in figures["absent"].items()]
    lines += [f"not finite: {what}" for what in figures.get("not_finite", ())]
    for ratio_name, of_cpu in figures["of_cpu_seconds"].items():
        peer = figures["best_peer"].get(ratio_name.removeprefix("bf16_").split("_")[0], "")
        which = f", the best peer being {peer}" if ratio_name.endswith("best_peer") else ""
        lines.append(f"{ratio_name:<28}{figures[ratio_name]:>6.2f}  (of CPU seconds {of_cpu:.2f}{which})")
    return "\n".join(lines)


@contextlib.contextmanager
def _workers(chosen: list[System], size: Size) -> Iterator[tuple[list[tuple[System, Worker]], dict[str, str]]]:
    """Starts one after the other; yields those that run, and why the other programs, or their actions, don't."""
    workers, absent = [], {}
    with contextlib.ExitStack() as stack:
        for system in chosen:
            print(f"starting {system.name}", file=sys.stderr, flush=True)
            try:
                worker = stack.enter_context(
                    Worker(system.module, size, system.python, system.environment, **system.settings)
                )
            except WorkerError as error:
                if not system.optional:
                    raise
                absent[system.name] = str(error)
                continue
            for action, reason in worker.facts["absent"].items():
                if not system.optional:
                    raise WorkerError(f"{system.name} {action}: {reason}")
                absent[f"{system.name} {action}"] = reason
            workers.append((system, worker))
        yield workers, absent
