"""Examples of a builder's splits that make train, validation and test."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from flowconv.data.builders import damaged
from flowconv.data.dataset import Dataset
from flowconv.errors import UserError


@dataclass(frozen=True)
class Part:
    """The examples [first, end) of one of a builder's splits."""

    split: str
    first: int
    end: int

    def __len__(self) -> int:
        return self.end - self.first

    def of(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """This part of the arrays, pixels or labels, of all splits: a view."""
        return arrays[self.split][self.first : self.end]


def parts(dataset: Dataset, validation_images: int) -> dict[str, Part]:
    """The parts of a *prepared* data set's splits that make train, validation and test.

    Test is the split of that name, or else "validation", or else the last tenth of "train". Our validation part
    is the end of what training has left.

    Raises UserError when that leaves nothing to train on.
    """
    splits = dataset.split_counts
    if dataset.is_ours():
        if not all(splits.get(name) for name in ("train", "validation", "test")):
            raise damaged(dataset, "a split has no images")
        return {name: Part(name, 0, splits[name]) for name in ("train", "validation", "test")}
    if not splits.get("train"):
        raise UserError(f"--config.data.name={dataset.name}: has no split 'train', only {', '.join(splits)}")
    end = splits["train"]
    if held_out := splits.keys() & {"test", "validation"}:
        name = "test" if "test" in held_out else "validation"
        test = Part(name, 0, splits[name])
        if not test:
            raise UserError(f"--config.data.name={dataset.name}: its split {name!r} has no images to test with")
    else:
        test = Part("train", end * 9 // 10, end)
        end = test.first
    if not 1 <= validation_images < end:
        raise UserError(
            f"--config.data.validation_images={validation_images}: must be at least 1 and less than the "
            f"{end:,} training images of {dataset.name}"
        )
    return {
        "train": Part("train", 0, end - validation_images),
        "validation": Part("train", end - validation_images, end),
        "test": test,
    }
