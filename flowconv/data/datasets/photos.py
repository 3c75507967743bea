"""`photos`: patches of the lossless colour photographs inside scikit-image's wheel, so nothing is downloaded."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import skimage
import tensorflow_datasets as tfds
from PIL import Image

from flowconv.data.dataset import Dataset, side

# The wheel's only other PNG in colour that comes from a camera, ihc, is a stained tissue section.
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "motorcycle_left", "motorcycle_right")

# Each photograph is cut into horizontal bands one patch high, which belong to these splits in turn.
# Horizontal, because the motorcycles are a rectified stereo pair: a point lies in the same row of both
# pictures, so no scene point of one split is seen in another either.
BANDS = ("train", "train", "validation", "test", "test")


def regions(height: int, size: int) -> Iterator[tuple[str, int, int]]:
    """The (split, first row, end row) of a photograph's regions, top to bottom; the rest below is left out."""
    bands = range(height // size)
    for split, group in groupby(bands, key=lambda band: BANDS[band % len(BANDS)]):
        group = list(group)
        yield split, group[0] * size, (group[-1] + 1) * size


def strides(size: int) -> dict[str, int]:
    """Pixels from one patch to the next, in both directions: test patches do not overlap, the others do."""
    return {"train": size * 3 // 16, "validation": size // 2, "test": size}


class _Records(tfds.core.GeneratorBasedBuilder):
    """Makes the patches."""

    name = "photos"
    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=f"{size}x{size}") for size in (16, 32, 64, 128)]

    def _info(self) -> tfds.core.DatasetInfo:
        size = side(self.builder_config.name)
        image = tfds.features.Image(shape=(size, size, 3), encoding_format="png")
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict({"image": image}))

    def _split_generators(self, dl_manager):
        del dl_manager  # nothing to download
        size = side(self.builder_config.name)
        return {split: self._generate_examples(split, size, stride) for split, stride in strides(size).items()}

    def _generate_examples(self, split: str, size: int, stride: int):
        for name in PHOTOGRAPHS:
            pixels = np.asarray(Image.open(Path(skimage.__file__).parent / "data" / f"{name}.png"))
            for owner, first, end in regions(len(pixels), size):
                if owner != split:
                    continue
                for row in range(first, end - size + 1, stride):
                    for column in range(0, pixels.shape[1] - size + 1, stride):
                        patch = pixels[row : row + size, column : column + size]
                        yield f"{name} {row} {column}", {"image": patch}


class Photos(Dataset):
    """Square patches of photographs; train, validation and test come from different regions and share no pixel."""

    source = _Records
    note = "patches of five photographs; train, validation and test are different regions of them"
    has_sizes = True
