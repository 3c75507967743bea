"""Small prepared data sets in tfds' own format, under the names of the published ones."""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from ml_collections import ConfigDict
from PIL import Image

from flowconv.config import default_config
from flowconv.data import image_files, leftovers


@pytest.fixture(autouse=True)
def a_process_of_its_own():
    """Folders are listed once in a process' life; each test looks anew."""
    another_process()


def another_process() -> None:
    """Forgets what a process remembers: how folders look, and what it uses of the cache."""
    image_files.listing.cache_clear()
    while leftovers._held:
        leftovers._held.popitem()[1].close()


def contents(cache_dir: str) -> list[str]:
    """What is in a cache, beside its lock."""
    return sorted(path.name for path in Path(cache_dir).iterdir() if path.name != leftovers.LOCK)


@pytest.fixture
def data_config(tmp_path: Path) -> ConfigDict:
    """`config.data` with an empty cache and an empty tfds directory of the test's own."""
    config = default_config().data
    config.cache_dir = str(tmp_path / "cache")
    config.dir = str(tmp_path / "tfds")
    return config


@pytest.fixture
def store(data_config: ConfigDict):
    """A function that prepares random images as a data set of tfds in `data_config.dir`, and returns them.

    Labels, where the data set has them, are `labels_of` these.
    """

    def prepare(name: str, shape: tuple[int, ...], seed: int = 0, **counts: int) -> dict[str, np.ndarray]:
        generator = np.random.default_rng(seed)
        images = {split: generator.integers(0, 256, (count, *shape), np.uint8) for split, count in counts.items()}
        store_images(name, data_config.dir, images)
        return images

    return prepare


def store_images(name: str, data_dir: str, images: Mapping[str, Iterable[np.ndarray]]) -> None:
    """Prepares `images` of each split as the data set that tfds knows by this name, in order."""
    published = tfds.builder(name, data_dir=data_dir)
    features = published.info.features
    filling = {feature: "" for feature in features if feature not in ("image", "label")}
    tfds.dataset_builders.store_as_tfds_dataset(
        name=published.name,
        version=published.version,
        config=published.builder_config and published.builder_config.name,
        data_dir=data_dir,
        features=features,
        split_datasets={
            split: [
                (i, {"image": png(image), **filling, **({"label": label} if "label" in features else {})})
                for i, (image, label) in enumerate(zip(pixels, labels_of(pixels).tolist(), strict=True))
            ]
            for split, pixels in images.items()
        },
        disable_shuffling=True,
    )


def labels_of(pixels: Iterable[np.ndarray]) -> np.ndarray:
    """The labels that are stored with images, int32 [N]: by what they show."""
    return np.array([int(image.sum()) % 10 for image in pixels], np.int32)


def png(image: np.ndarray) -> io.BytesIO:
    """The image as a PNG file: tfds itself would encode some data sets with losses."""
    file = io.BytesIO()
    Image.fromarray(image.squeeze()).save(file, "PNG")
    file.seek(0)
    return file
