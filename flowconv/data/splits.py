"""Which examples of a builder's splits make train, validation and test."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow_datasets as tfds

from flowconv.data.builders import OWN, damaged
from flowconv.errors import UserError


@dataclass(frozen=True)
class Part:
    """The examples [first, end) of one of a builder's splits."""

    split: str
    first: int
    end: int

    def __len__(self) -> int:
        return self.end - self.first

    def of(self, pixels: Mapping[str, np.ndarray]) -> np.ndarray:
        """This part of the arrays of all splits."""
        return pixels[self.split][self.first : self.end]


def parts(builder: tfds.core.DatasetBuilder, validation_images: int) -> dict[str, Part]:
    """The parts of a *prepared* builder's splits that make train, validation and test.

    Test is the split of that name, or else "validation", or else the last tenth of "train". Our validation part
    is the end of what training has left.

    Raises UserError when that leaves nothing to train on.
    """
    splits = {name: split.num_examples for name, split in builder.info.splits.items()}
    if builder.name in OWN:
        if not all(splits.get(name) for name in ("train", "validation", "test")):
            raise damaged(builder, "a split has no images")
        return {name: Part(name, 0, splits[name]) for name in ("train", "validation", "test")}
    if not splits.get("train"):
        raise UserError(f"--config.data.name={builder.name}: has no split 'train', only {', '.join(splits)}")
    end = splits["train"]
    if held_out := splits.keys() & {"test", "validation"}:
        name = "test" if "test" in held_out else "validation"
        test = Part(name, 0, splits[name])
        if not test:
            raise UserError(f"--config.data.name={builder.name}: its split {name!r} has no images to test with")
    else:
        test = Part("train", end * 9 // 10, end)
        end = test.first
    if not 1 <= validation_images < end:
        raise UserError(
            f"--config.data.validation_images={validation_images}: must be at least 1 and less than the "
            f"{end:,} training images of {builder.name}"
        )
    return {
        "train": Part("train", 0, end - validation_images),
        "validation": Part("train", end - validation_images, end),
        "test": test,
    }
