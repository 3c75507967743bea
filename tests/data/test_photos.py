"""The embedded data set: counts, exact pixels, and splits that share none."""

from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image

from flowconv import data
from flowconv.data.datasets import photos


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    from flowconv.config import default_config

    config = default_config().data
    config.cache_dir = str(tmp_path_factory.mktemp("cache"))
    return data.load(config)


def photograph(name: str) -> np.ndarray:
    return np.asarray(Image.open(Path(skimage.__file__).parent / "data" / f"{name}.png"))


def test_counts(loaded):
    assert {split: pixels.shape for split, pixels in loaded.splits.items()} == {
        "train": (8373, 32, 32, 3),
        "validation": (489, 32, 32, 3),
        "test": (486, 32, 32, 3),
    }
    assert loaded.name == "photos/32x32"


def test_pixels_are_the_same_everywhere(loaded):
    assert loaded.fingerprint == "ff58f159155a"


def test_test_patches_tile_the_photographs(loaded):
    tiles = set()
    for name in photos.PHOTOGRAPHS:
        pixels = photograph(name)
        for band in range(pixels.shape[0] // 32):
            if band % 5 in (3, 4):
                for column in range(0, pixels.shape[1] - 31, 32):
                    tiles.add(pixels[32 * band : 32 * band + 32, column : column + 32].tobytes())
    assert {patch.tobytes() for patch in loaded.splits["test"]} == tiles


@pytest.mark.parametrize("size", [16, 32, 64, 128])
@pytest.mark.parametrize("height", sorted({photograph(name).shape[0] for name in photos.PHOTOGRAPHS}))
def test_regions_share_no_row(size, height):
    rows = [row for _, first, end in photos.regions(height, size) for row in range(first, end)]
    assert rows == list(range(height // size * size))
    assert all((end - first) % size == 0 for _, first, end in photos.regions(height, size))


@pytest.mark.parametrize("size", [16, 32, 64, 128])
def test_every_size_fills_every_split(size):
    heights = [photograph(name).shape[0] for name in photos.PHOTOGRAPHS]
    found = {split for height in heights for split, _, _ in photos.regions(height, size)}
    assert found == {"train", "validation", "test"}


def test_the_stereo_pair_is_rectified():
    # The splits rely on it: a point of the scene lies in the same row of both pictures.
    left, right = (photograph(f"motorcycle_{side}").mean(axis=-1) for side in ("left", "right"))

    def mismatch(shift: int) -> float:
        """Mean difference of a window in the middle at its best disparity, `shift` rows off."""
        window = left[200:300, 300:500]
        return min(np.abs(window - right[200 + shift : 300 + shift, 300 - d : 500 - d]).mean() for d in range(80))

    assert min(range(-5, 6), key=mismatch) == 0
