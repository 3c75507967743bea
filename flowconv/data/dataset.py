"""A data set: where its records come from, and what is known of it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from ml_collections import ConfigDict

from flowconv.data.crop import Shape
from flowconv.errors import UserError

LABEL = "label"  # the feature that is an image's class, in all of tensorflow_datasets


class Dataset:
    """A data set that can be read.

    A subclass, in a file of `datasets/`, says what is known of its data set. Its examples have an "image", uint8
    `[H, W, C]` of one to four channels. Images have labels if examples have a "label", a `tfds.features.ClassLabel`.

    Attributes:
      source: tensorflow_datasets' name, or a builder of our own. That one keeps its records in the cache, and has three
        splits: train, validation and test.
      version: of the builder, unless data.name says another; "" is tensorflow_datasets' own choice.
      counts: images in the published splits. With other ones it is reported as a subset.
      note: a sentence for whoever reads results, or "".
      has_sizes: whether it comes in sizes: variants called "32x32" or "256".
      advice: for a user who hasn't got it, instead of the usual one.

    Args:
      name: as in data.name, without variant and version.
      builder: of the source.
    """

    source: ClassVar[str | type[tfds.core.DatasetBuilder]]
    version: ClassVar[str] = ""
    counts: ClassVar[Mapping[str, int]] = {}
    note: ClassVar[str] = ""
    has_sizes: ClassVar[bool] = False
    advice: ClassVar[str] = ""

    def __init__(self, name: str, builder: tfds.core.DatasetBuilder):
        self.name = name
        self.builder = builder

    # ------------------------------------------------------------------------------------------- where it comes from

    @classmethod
    def is_ours(cls) -> bool:
        """Whether the records are made by this program, and kept in the cache."""
        return not isinstance(cls.source, str)

    @classmethod
    def builder_class(cls) -> type[tfds.core.DatasetBuilder]:
        """Returns the class of the builder.

        Raises:
          ValueError: if tensorflow_datasets knows none of this name.
        """
        # By its class: tfds.builder() would import what the folder of a version's data names as the class of its
        # features.
        return tfds.builder_cls(cls.source) if isinstance(cls.source, str) else cls.source

    @classmethod
    def build(
        cls, data_config: ConfigDict, variant: str | None, version: str | None, data_dir: str | Path | None
    ) -> tfds.core.DatasetBuilder:
        """Returns the builder; nothing is downloaded, prepared or decoded.

        Args:
          data_config: `config.data`, of which data sets that are made of a user's files need more.
          variant, version: of the builder, None for the data set's own.
          data_dir: where the records are.
        """
        return cls.builder_class()(config=variant, version=version or cls.version or None, data_dir=data_dir)

    @property
    def origin(self) -> str:
        """Where the images are from: two copies of the same origin are of the same data, then and now."""
        return os.path.realpath(self.builder.data_path)

    @property
    def full_name(self) -> str:
        """The name that tensorflow_datasets knows, with the variant: "cifar10", "downsampled_imagenet/32x32"."""
        config = self.builder.builder_config
        return f"{self.builder.name}/{config.name}" if config else self.builder.name

    @property
    def is_prepared(self) -> bool:
        """Whether the records are complete; tfds' own method logs a warning if not."""
        return (self.builder.data_path / "dataset_info.json").exists()

    @property
    def split_counts(self) -> dict[str, int]:
        """The number of examples of each split, of prepared records."""
        return {name: split.num_examples for name, split in self.builder.info.splits.items()}

    # -------------------------------------------------------------------------------------------------- what it holds

    @property
    def native_shape(self) -> tuple[int | None, int | None, int]:
        """Height, width and channels of the images; None where they differ from image to image.

        Raises UserError when the examples have no such "image".
        """
        image = self._features().get("image")
        if (
            not isinstance(image, tfds.features.Image | tfds.features.Tensor)
            or image.np_dtype != np.uint8
            or len(image.shape) != 3
            or image.shape[-1] not in (1, 2, 3, 4)
        ):
            raise UserError(
                f"--config.data.name={self.name}: its examples have no 8-bit feature 'image' of 1 to 4 channels"
            )
        height, width, channels = image.shape
        if self.has_sizes:  # downsampled_imagenet leaves the shape of its images open
            height = width = side(self.builder.builder_config.name)
        return height, width, channels

    @property
    def has_labels(self) -> bool:
        """Whether each image has a class."""
        return isinstance(self._features().get(LABEL), tfds.features.ClassLabel)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, in the order of labels; none where images have no labels."""
        return tuple(self._features()[LABEL].names) if self.has_labels else ()

    def _features(self) -> Mapping[str, Any]:
        features = self.builder.info.features
        return dict(features.items()) if isinstance(features, tfds.features.FeaturesDict) else {}

    # ------------------------------------------------------------------------------------------------- what is said

    @property
    def shown_name(self) -> str:
        """The name that results are reported under: a subset's says so."""
        if self.counts and self.split_counts != self.counts:
            return f"{self.full_name} subset ({'/'.join(f'{count:,}' for count in self.split_counts.values())})"
        return self.full_name

    def notes(self, shape: Shape, enlarged: int) -> list[str]:
        """Returns what a reader of results must know.

        Args:
          shape: of the decoded images.
          enlarged: how many of them were smaller before.
        """
        *size, channels = self.native_shape
        notes = [self.note] if self.note else []
        if None in size:
            notes.append(resized(shape))
        elif tuple(size) != shape[:2]:
            notes.append(f"resized from {size[0]}x{size[1]}")
        if channels < shape[2]:
            notes.append("grey, repeated to three channels: bits/dim do not compare with those of one channel")
        if enlarged:
            notes.append(f"of images that were enlarged, which lowers bits/dim: {enlarged:,}")
        return notes

    def left_out(self) -> str:
        """Returns the line about what isn't among the images, or ""."""
        return ""


def side(variant: str) -> int:
    """Returns the side in pixels of "32x32" or "256"."""
    return int(variant.partition("x")[0])


def resized(shape: Shape) -> str:
    """Returns the note on images of many sizes."""
    return f"cropped and resized to {shape[0]}x{shape[1]}"
