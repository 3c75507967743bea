"""Part "networks": a training step of Glow with other networks, against their convolutions and products alone."""

from benchmarks.alternate import alternate, median, ratio
from benchmarks.options import Options
from benchmarks.sizes import Size
from benchmarks.workers import Worker
from flowconv.process import KERNELS

SIZE = Size(depth=4, levels=3, width=128, batch_size=16)
NETWORKS = {"attention": {"blocks": 2, "heads": 4}, "transformer": {"blocks": 2, "heads": 4}}


def measure(options: Options) -> dict:
    """Returns in `networks`, by name: ratios of seconds and (of_cpu_seconds) of all threads' CPU time, and all rounds.

    train_over_floor: of `tf.nn.conv2d` and `tf.matmul` with the kernels of TensorFlow as it comes;
    train_over_own_floor: with TensorFlow's own, without oneDNN, with which ours runs; train_over_fast_floor: of the
    program's own convolutions, with these.
    """
    return {"networks": {name: _measure(name, settings, options.rounds) for name, settings in NETWORKS.items()}}


def _measure(network: str, settings: dict, rounds: int) -> dict:
    floor, own = "benchmarks.network_floor", {KERNELS: "0"}
    ours = {"backward": "store", "precision": "float32", "network": network, **settings}
    with (
        Worker(floor, SIZE, network=network, **settings) as comes,
        Worker(floor, SIZE, environment=own, network=network, **settings) as same,
        Worker("benchmarks.flowconv_worker", SIZE, **ours) as flowconv,
    ):
        asks = {
            "floor": lambda: comes.ask("library"),
            "own_floor": lambda: same.ask("library"),
            "fast_floor": lambda: same.ask("products"),
            "train": lambda: flowconv.ask("train"),
        }
        measured = alternate(asks, rounds)
    names = [name for name in measured if name != "train"]
    figures = {f"train_over_{name}": ratio(measured, "train", name) for name in names}
    of_cpu = {f"train_over_{name}": ratio(measured, "train", name, "cpu_seconds") for name in names}
    print(f"\n{network}: 32×32, K {SIZE.depth}, L {SIZE.levels}, width {SIZE.width}, batch {SIZE.batch_size}")
    print(", ".join(f"{name} {median(each):.3f} s" for name, each in measured.items()))
    for name, value in figures.items():
        print(f"{name:<28}{value:>6.2f}  (of CPU seconds {of_cpu[name]:.2f})", flush=True)
    return {**figures, "of_cpu_seconds": of_cpu, "rounds": measured}
