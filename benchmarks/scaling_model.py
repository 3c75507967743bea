"""The time that many GPUs lose by exchanging gradients, by a model: rings, and a backward pass that hides them.

Nothing is measured here. `tools/generate.py` writes the table into docs/explanation/performance.md.
The model is that of the paper for CIFAR-10: Glow with L 3, K 32 and width 512.
"""

import dataclasses
from collections.abc import Sequence

GPUS_OF_A_MACHINE = 8
GPUS = (8, 64, 512)
STEPS = (0.1, 0.03)  # seconds that a GPU computes for a step
BACKWARD = 0.75  # the part of them that the backward pass takes, which evaluates all networks again
BYTES = 4  # of a gradient's number
IMAGE_SIZE, LEVELS, DEPTH, WIDTH = 32, 3, 32, 512


@dataclasses.dataclass(frozen=True)
class Link:
    """A connection of two GPUs.

    Attributes:
      bandwidth: bytes a second, each way.
      latency: seconds until a message's first byte arrives.
    """

    bandwidth: float
    latency: float


WITHIN = Link(230e9, 3e-6)  # NVLink, as published for NCCL on A100
BETWEEN = Link(25e9, 10e-6)  # 200 Gb/s InfiniBand, one for the eight GPUs of a machine


@dataclasses.dataclass(frozen=True)
class Level:
    """A level of the flow, whose loop over depth has its gradients all at once.

    Attributes:
      numbers: of its weights, and of their gradients.
      work: its part of all products.
    """

    numbers: int
    work: float


def levels() -> list[Level]:
    """Returns the levels, the first one first."""
    channels = [3 * 2 ** (level + 1) for level in range(1, LEVELS + 1)]
    pixels = [(IMAGE_SIZE // 2**level) ** 2 for level in range(1, LEVELS + 1)]
    products = [n * _kernels(c) for c, n in zip(channels, pixels, strict=True)]
    return [Level(DEPTH * _numbers(c), each / sum(products)) for c, each in zip(channels, products, strict=True)]


def _kernels(channels: int) -> int:
    """The kernels' weights of a step of flow: by each of them all pixels are multiplied equally often."""
    return channels**2 + 9 * channels // 2 * WIDTH + WIDTH**2 + 9 * WIDTH * channels


def _numbers(channels: int) -> int:
    """All weights of a step of flow: kernels, what two of them have for the border, and vectors."""
    border = 9 * (WIDTH + channels)
    vectors = 5 * channels + 4 * WIDTH + 2 * channels
    return _kernels(channels) + border + vectors


def ring(size: float, members: int, link: Link) -> float:
    """Returns the seconds of an allreduce of so many bytes: 2(n − 1) messages of an n-th of them, one after another."""
    return 2 * (members - 1) * (size / members / link.bandwidth + link.latency)


def exchange(size: float, gpus: int, hierarchical: bool) -> float:
    """Returns the seconds of an allreduce of so many bytes over GPUs in machines of eight.

    Args:
      size: bytes.
      gpus: 8, or several times as many.
      hierarchical: whether the GPUs of a machine add up first. Each then has an eighth, which it exchanges with its
        equals in other machines; the eight of a machine share its link. Otherwise all are one ring, which waits in
        each round for the slowest link.
    """
    if gpus == GPUS_OF_A_MACHINE:
        return ring(size, gpus, WITHIN)
    if not hierarchical:
        return ring(size, gpus, BETWEEN)
    return ring(size, GPUS_OF_A_MACHINE, WITHIN) + ring(size, gpus // GPUS_OF_A_MACHINE, BETWEEN)


def exposed(seconds: Sequence[float], parts: Sequence[Level], step: float) -> float:
    """Returns the seconds that a step waits for exchanges when its backward pass is over.

    Args:
      seconds: of the exchange of each level's gradients, the first level first.
      parts: the levels.
      step: seconds of computing.
    """
    computed = exchanged = 0.0
    for exchange_seconds, level in reversed(list(zip(seconds, parts, strict=True))):
        computed += BACKWARD * level.work * step
        exchanged = max(exchanged, computed) + exchange_seconds
    return exchanged - computed


def rows() -> list[list[str]]:
    """Returns the table's rows: the exchange, its milliseconds in one and in three parts, and the efficiencies."""
    parts, found = levels(), []
    sizes = [BYTES * level.numbers for level in parts]
    for gpus in GPUS:
        for hierarchical in (False, True) if gpus > GPUS_OF_A_MACHINE else (False,):
            at_once = exchange(sum(sizes), gpus, hierarchical)
            each = [exchange(size, gpus, hierarchical) for size in sizes]
            waits = [(at_once, exposed(each, parts, step)) for step in STEPS]
            cells = [f"{step / (step + wait):.2f}" for step, both in zip(STEPS, waits, strict=True) for wait in both]
            kind = "hierarchical" if hierarchical else "ring"
            milliseconds = [f"{1e3 * at_once:.1f}", f"{1e3 * sum(each):.1f}", f"{1e3 * each[0]:.1f}"]
            found.append([f"{gpus}, {kind}", *milliseconds, *cells])
    return found


def header() -> list[str]:
    """Returns the table's header."""
    efficiencies = [f"{when}, t = {1e3 * step:.0f} ms" for step in STEPS for when in ("at the end", "overlapped")]
    return ["GPUs, exchange", "a, ms", "Σ aₗ, ms", "a₁, ms", *efficiencies]
