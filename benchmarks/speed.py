"""Part "speed": a training step, encoding and sampling, against the convolutions alone and against other programs."""

import contextlib
import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from benchmarks.alternate import Rounds, alternate, fastest, median, ratio
from benchmarks.options import Options
from benchmarks.sizes import Size
from benchmarks.workers import PATIENCE_SECONDS, Worker, WorkerError
from flowconv.process import KERNELS

TASKS = ("train", "encode", "sample")
PEERS = ("normflows", "nflows", "freia", "tfp")
LIBRARIES_OF_OURS = ("tfp",)  # peers that run in this program's own environment
# What made each the fastest, of what was tried. XLA made each task of TFP's slower, and takes 4 GB at the paper's size.
TUNINGS: dict[str, dict] = {
    "normflows": {"compiled": ["inference"], "channels_last": True},
    "nflows": {"compiled": ["training", "inference"], "channels_last": True},
    "freia": {"compiled": ["inference"], "channels_last": True},
}
TUNED = {peer: f"{peer} tuned" for peer in TUNINGS}
COMPILING_SECONDS = 300.0  # a peer that isn't compiled by then is left out


@dataclass(frozen=True)
class System:
    """A worker: its name in tables, its module, the actions asked of it, its settings, environment and patience."""

    name: str
    module: str
    actions: tuple[str, ...] = TASKS
    python: str = sys.executable
    settings: dict = field(default_factory=dict)
    environment: dict = field(default_factory=dict)
    patience: float = PATIENCE_SECONDS

    @property
    def optional(self) -> bool:
        """Whether the rest is still worth measuring where this can't run."""
        return self.name in (*PEERS, *TUNED.values())


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
            plain = System(name, f"benchmarks.peers.glow_of_{name}", python=python)
            chosen.append(plain)
            if name in TUNED:
                settings, patience = TUNINGS[name], COMPILING_SECONDS
                chosen.append(replace(plain, name=TUNED[name], settings=settings, patience=patience))
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
            "tunings": {system.name: system.settings for system, _ in workers if system.name in TUNED.values()},
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
    float32 with backward=store. "best_peer" is among those as their packages come, "best_tuned_peer" among the tuned.
    The floor's kernels are those of TensorFlow as it comes, "own" are TensorFlow's own,
    without oneDNN, with which ours runs.
    """
    pairs = {
        "train_over_floor": ("store train", "floor conv2d"),
        "train_over_own_floor": ("store train", "own floor conv2d"),
        "train_over_fast_floor": ("store train", "floor products"),
        "invert_over_store": ("invert train", "store train"),
        "bf16_vs_float32": ("store train", "bf16 train"),
    }
    best = {"best_peer": _fastest_of(rounds, PEERS), "best_tuned_peer": _fastest_of(rounds, TUNED.values())}
    for which, systems_of_tasks in best.items():
        for task, system in systems_of_tasks.items():
            pairs[f"{task}_vs_{which}"] = (f"{system} {task}", f"store {task}")
            pairs[f"bf16_{task}_vs_{which}"] = (f"{system} {task}", f"bf16 {task}")
    measured = {name: pair for name, pair in pairs.items() if rounds.keys() >= set(pair)}
    not_finite = [name for name, each in rounds.items() if not all(math.isfinite(a["result"]) for a in each)]
    return {
        **{name: ratio(rounds, *pair) for name, pair in measured.items()},
        "of_cpu_seconds": {name: ratio(rounds, *pair, "cpu_seconds") for name, pair in measured.items()},
        **({"not_finite": not_finite} if not_finite else {}),
        **best,
        "images_per_second": {name: size.batch_size / median(each) for name, each in rounds.items()},
        "cpu_seconds": {name: median(each, "cpu_seconds") for name, each in rounds.items()},
    }


def table(name: str, size: Size, figures: dict) -> str:
    """Returns the lines that are printed for one size."""
    title = f"{name}: {size.image_size}×{size.image_size}, K {size.depth}, L {size.levels}, width {size.width}"
    lines = [f"\n{title}, batch {size.batch_size}", f"{'':<24}{'seconds':>9}{'CPU s':>9}{'images/s':>10}"]
    for ask, images in figures["images_per_second"].items():
        seconds = size.batch_size / images
        lines.append(f"{ask:<24}{seconds:>9.3f}{figures['cpu_seconds'][ask]:>9.3f}{images:>10.1f}")
    millions = ", ".join(f"{system} {count / 1e6:.2f}" for system, count in figures["parameters"].items())
    lines.append(f"million parameters: {millions}")
    lines += [f"absent: {what}: {why}" for what, why in figures["absent"].items()]
    lines += [f"not finite: {what}" for what in figures.get("not_finite", ())]
    for ratio_name, of_cpu in figures["of_cpu_seconds"].items():
        task, _, best = ratio_name.removeprefix("bf16_").partition("_vs_")
        which = f", the best peer being {figures[best][task]}" if task in figures.get(best, ()) else ""
        lines.append(f"{ratio_name:<31}{figures[ratio_name]:>6.2f}  (of CPU seconds {of_cpu:.2f}{which})")
    return "\n".join(lines)


def _fastest_of(rounds: Rounds, names: Iterable[str]) -> dict[str, str]:
    """Returns the fastest of the systems by tasks, without tasks that none of them did."""
    best = {task: fastest(rounds, [f"{name} {task}" for name in names]) for task in TASKS}
    return {task: ask.removesuffix(f" {task}") for task, ask in best.items() if ask is not None}


@contextlib.contextmanager
def _workers(chosen: list[System], size: Size) -> Iterator[tuple[list[tuple[System, Worker]], dict[str, str]]]:
    """Starts one after the other; yields those that run, and why the other programs, or their actions, don't."""
    workers, absent = [], {}
    with contextlib.ExitStack() as stack:
        for system in chosen:
            print(f"starting {system.name}", file=sys.stderr, flush=True)
            try:
                worker = stack.enter_context(
                    Worker(system.module, size, system.python, system.environment, system.patience, **system.settings)
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
