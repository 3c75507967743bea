"""The tuning of a program on PyTorch. Imports the standard library alone, as every environment has it."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Tuning:
    """The steps for speed that users who know PyTorch take, beside writing the model.

    Attributes:
      compiled: what torch.compile gets a step of flow for: "training", "inference", both or nothing.
      channels_last: whether images and kernels lie in memory with their channels last.
    """

    compiled: Collection[str] = ()
    channels_last: bool = False
