"""Data sets, one a file: what each says of itself is so, and a file that is put there is one more."""

import numpy as np
import pytest
from conftest import labels_of
from PIL import Image

from flowconv import data
from flowconv.config.parts import DATASETS
from flowconv.data import builders, datasets
from flowconv.data.dataset import side
from flowconv.data.datasets import letters
from tests.runs import FULL

SIZES = {"folder": 8, "cifar10": 32, "photos": 64}  # of photographs, smaller patches are many


@pytest.fixture(params=DATASETS)
def named(request, data_config, store, tmp_path, monkeypatch):
    """The class of each data set, which a few random images have been prepared of, and its `config.data`."""
    name, cls = request.param, datasets.dataset_class(request.param)
    sizes = [side(variant) for variant in cls.builder_class().builder_configs] if cls.has_sizes else [SIZES[name]]
    size = SIZES.get(name) or min(size for size in sizes if size >= 8)
    if not FULL:
        monkeypatch.setattr(letters, "COPIES", dict.fromkeys(letters.COPIES, 3))
    data_config.update(name=name, image_size=size)
    if not cls.is_ours():
        data_config.validation_images = 3
        variant = builders.find_dataset(data_config).full_name
        store(variant, (size, size, 3), **dict.fromkeys(cls.counts, 20))
    elif name == "folder":
        for number in range(20):
            path = tmp_path / "tfds" / str(number % 2) / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (9, 9), (number,) * 3).save(path)
    return cls, data_config


def labels_are_right(name, images, labels):
    """Of the images of `named`."""
    if name == "letters":  # most look more like the mean of their own letter than like that of another one
        means = np.stack([images[labels == label].mean(0) for label in range(26)])
        distances = [np.sum((means - image) ** 2, (1, 2, 3)) for image in images.astype(float)]
        return np.mean(np.argmin(distances, 1) == labels) > 0.5
    return np.array_equal(labels, images[:, 0, 0, 0] % 2 if name == "folder" else labels_of(images))


def test_each_is_what_it_says(named):
    cls, data_config = named
    dataset = builders.find_dataset(data_config)
    assert dataset.name == data_config.name and cls.__doc__
    assert cls.is_ours() or str(dataset.builder.version) == cls.version == str(dataset.builder.canonical_version)
    data.check(data_config)
    loaded = data.load(data_config)
    assert loaded.note.startswith(cls.note)
    assert ("subset" in loaded.name) == bool(cls.counts)
    size = data_config.image_size
    for split in ("train", "validation", "test"):
        images, labels = loaded.splits[split], loaded.labels.get(split)
        examples = loaded.examples(split)
        assert images.dtype == np.uint8 and images.shape[1:] == (size, size, 3) and len(images) > 0
        assert (labels is not None) == bool(loaded.class_names) == dataset.has_labels
        if labels is not None:
            assert labels.dtype == np.int32 and labels.shape == (len(images),)
            assert labels_are_right(data_config.name, images, labels)
        for batches in (
            data.training_batches(examples, batch_size=2, seed=0, start=0, rank=0, world_size=1),
            data.evaluation_batches(examples, batch_size=2, rank=0, world_size=1),
        ):
            batch = next(batches.as_numpy_iterator())
            assert batch["image"].shape == (2, size, size, 3) and ("label" in batch) == (labels is not None)


LABELLED = {"cifar10": 10, "imagenet_resized": 1000, "letters": 26}


@pytest.mark.parametrize("name", [*LABELLED, "downsampled_imagenet", "celeb_a_hq", "photos"])
def test_labels_where_the_published_data_have_them(data_config, name):
    data_config.update(name=name, image_size={"celeb_a_hq": 256}.get(name, 32))
    dataset = builders.find_dataset(data_config)
    assert len(dataset.class_names) == LABELLED.get(name, 0)
    assert dataset.has_labels == (name in LABELLED)
