"""Options of the benchmark."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ml_collections import ConfigDict

from benchmarks.sizes import Size


@dataclass(frozen=True)
class Options:
    """What scripts/benchmark.py was asked for.

    Attributes:
      sizes: the sizes to measure, by name.
      rounds: alternated rounds; medians count.
      peers: the Python that has the programs on PyTorch (`peers.environment`), None to leave all other programs out.
      bfloat16: whether bfloat16 coupling networks are measured too.
      depths: K of the models whose start-up is measured.
      workdir: of the run whose samples are measured, if any.
      variants: the flows whose own floors are measured, by name.
    """

    sizes: Mapping[str, Size]
    rounds: int
    peers: str | None = None
    bfloat16: bool = False
    depths: tuple[int, ...] = (8, 48)
    workdir: str | None = None
    variants: Mapping[str, ConfigDict] = field(default_factory=dict)
