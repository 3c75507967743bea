"""Splits, names, notes and the cache, on small data sets that go by the published names."""

import json
import resource
import threading
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from conftest import contents, labels_of, store_images
from PIL import Image

from flowconv import data
from flowconv.data import builders, cache, splits
from flowconv.data.datasets import celeb_a_hq
from flowconv.errors import UserError

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "tfds"


def test_validation_is_held_out_of_train(data_config, store):
    images = store("cifar10", (32, 32, 3), train=40, test=9)
    data_config.update(name="cifar10", validation_images=7)
    loaded = data.load(data_config)
    np.testing.assert_array_equal(loaded.splits["train"], images["train"][:33])
    np.testing.assert_array_equal(loaded.splits["validation"], images["train"][33:])
    np.testing.assert_array_equal(loaded.splits["test"], images["test"])
    labels = labels_of(images["train"])
    np.testing.assert_array_equal(np.concatenate([loaded.labels["train"], loaded.labels["validation"]]), labels)
    assert loaded.labels["train"].dtype == np.int32
    assert loaded.splits["train"].dtype == np.uint8
    assert isinstance(loaded.splits["train"], np.memmap)


def test_description_names_the_subset(data_config, store):
    store("cifar10", (32, 32, 3), train=40, test=9)
    data_config.update(name="cifar10", validation_images=7)
    description = json.loads(json.dumps(data.load(data_config).describe()))
    fingerprint = description.pop("fingerprint")
    assert len(fingerprint) == 12
    assert description == {
        "name": "cifar10 subset (40/9)",
        "version": "3.0.2",
        "image_size": 32,
        "channels": 3,
        "classes": 10,
        "train": 33,
        "validation": 7,
        "test": 9,
        "note": "",
    }


@pytest.mark.parametrize(
    ("name", "generation"),
    [("downsampled_imagenet", "the old ImageNet"), ("imagenet_resized", "the new ImageNet")],
)
def test_the_two_imagenets_are_told_apart(data_config, store, name, generation):
    images = store(f"{name}/32x32", (32, 32, 3), train=12, validation=5)
    data_config.update(name=name, validation_images=2)
    loaded = data.load(data_config)
    assert loaded.name == f"{name}/32x32 subset (12/5)"
    assert loaded.note.startswith(generation)
    np.testing.assert_array_equal(loaded.splits["validation"], images["train"][10:])
    np.testing.assert_array_equal(loaded.splits["test"], images["validation"])


def test_last_tenth_is_the_test_set_of_a_single_split(data_config, store):
    images = store("celeb_a_hq/256", (256, 256, 3), train=20)["train"]
    data_config.update(name="celeb_a_hq", image_size=256, validation_images=3)
    loaded = data.load(data_config)
    for split, expected in {"train": images[:15], "validation": images[15:18], "test": images[18:]}.items():
        np.testing.assert_array_equal(loaded.splits[split], expected)


def test_celeb_a_hq_has_27_000_and_3_000_images():
    class Prepared(celeb_a_hq.CelebAHQ):
        split_counts = celeb_a_hq.CelebAHQ.counts

    parts = splits.parts(Prepared("celeb_a_hq", None), validation_images=512)
    assert parts["test"] == splits.Part("train", 27_000, 30_000)
    assert len(parts["train"]) + len(parts["validation"]) == 27_000


def test_other_sizes_are_cropped_and_resized(data_config, store):
    images = store("cifar10", (32, 32, 3), train=4, test=2)["test"]
    data_config.update(name="cifar10", validation_images=1, image_size=8)
    loaded = data.load(data_config)
    assert loaded.note == "resized from 32x32"
    resized = np.stack([np.asarray(Image.fromarray(image).resize((8, 8), Image.LANCZOS)) for image in images])
    np.testing.assert_array_equal(loaded.splits["test"], resized)


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_images_stay_grey_or_are_repeated(data_config, store, channels):
    """Of any data set that tfds knows; each with its label, whatever becomes of the pixels."""
    images = store("mnist", (28, 28, 1), train=4, test=2)
    data_config.update(name="mnist", validation_images=1, image_size=28, channels=channels)
    loaded = data.load(data_config)
    np.testing.assert_array_equal(loaded.splits["test"], np.repeat(images["test"], channels, axis=-1))
    assert loaded.note.startswith("grey, repeated to three channels" if channels == 3 else "")
    assert loaded.describe()["channels"] == channels
    np.testing.assert_array_equal(loaded.labels["validation"], labels_of(images["train"])[3:])
    assert loaded.class_names == tuple("0123456789")


def test_sizes_that_are_no_squares(data_config, store):
    images = store("cifar10", (32, 32, 3), train=4, test=2)["test"]
    data_config.update(name="cifar10", validation_images=1)
    with data_config.ignore_type():
        data_config.image_size = (16, 32)
    loaded = data.load(data_config)
    np.testing.assert_array_equal(loaded.splits["test"], images[:, 8:24])
    assert loaded.describe()["image_size"] == [16, 32] and loaded.note == "resized from 32x32"


def test_images_of_many_shapes_load(data_config):
    shapes = [(40, 30), (32, 64), (50, 50), (33, 41)]
    images = [np.full((*shape, 3), 17 * i, np.uint8) for i, shape in enumerate(shapes)]
    store_images("food101", data_config.dir, {"train": images, "validation": images[2:3]})
    data_config.update(name="food101", validation_images=1, image_size=32)
    loaded = data.load(data_config)
    assert [int(image.mean()) for image in loaded.splits["train"]] == [0, 17, 34]
    assert loaded.note == "cropped and resized to 32x32; of images that were enlarged, which lowers bits/dim: 1"


def test_the_cache_is_used(data_config, store, monkeypatch):
    store("cifar10", (32, 32, 3), train=4, test=2)
    data_config.update(name="cifar10", validation_images=1)
    first = data.load(data_config)
    monkeypatch.setattr(cache, "write", lambda *_: pytest.fail("decoded again"))
    for prepare in (True, False):
        again = data.load(data_config, prepare=prepare)
        assert again.describe() == first.describe()
        np.testing.assert_array_equal(again.splits["train"], first.splits["train"])


def test_same_name_and_version_with_other_data_is_decoded_anew(data_config, store, tmp_path):
    store("cifar10", (32, 32, 3), train=4, test=2)
    data_config.update(name="cifar10", validation_images=1)
    first = data.load(data_config)
    data_config.dir = str(tmp_path / "elsewhere")
    images = store("cifar10", (32, 32, 3), seed=1, train=4, test=2)
    second = data.load(data_config)
    np.testing.assert_array_equal(second.splits["test"], images["test"])
    assert second.fingerprint != first.fingerprint


@pytest.mark.parametrize("change", [{"image_size": 16}, {"validation_images": 2}])
def test_the_cache_tells_configurations_apart(data_config, store, change):
    store("cifar10", (32, 32, 3), train=4, test=2)
    data_config.update(name="cifar10", validation_images=1)
    first = data.load(data_config)
    data_config.update(change)
    assert data.load(data_config).splits["train"].shape != first.splits["train"].shape


def test_processes_may_decode_at_once(data_config, store):
    images = store("cifar10", (32, 32, 3), train=40, test=9)["train"]
    data_config.update(name="cifar10", validation_images=1)
    barrier = threading.Barrier(3)
    failures = []

    def decode():
        dataset = builders.find_dataset(data_config)
        barrier.wait()
        try:
            cache.write(Path(data_config.cache_dir, "entry"), dataset, ["train"], (32, 32, 3))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=decode) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert contents(data_config.cache_dir) == ["entry"]
    decoded = cache.read(Path(data_config.cache_dir, "entry"), {"train": 40}, (32, 32, 3), True, note_check=False)
    np.testing.assert_array_equal(decoded.pixels["train"], images)


def test_a_full_disk_leaves_no_half_written_cache(data_config, store):
    store("cifar10", (32, 32, 3), train=40, test=9)
    data_config.update(name="cifar10", validation_images=1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
        with pytest.raises(UserError, match=r"^--config.data.cache_dir=.*cache: can't be written.*$"):
            data.load(data_config)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not contents(data_config.cache_dir)
    assert len(data.load(data_config).splits["train"]) == 39


def test_loading_prints_nothing(data_config, store, capfd, caplog):
    store("cifar10", (32, 32, 3), train=4, test=2)
    data_config.update(name="cifar10", validation_images=1)
    data.load(data_config)  # the first use of TensorFlow in a process has things to say
    data_config.image_size = 16
    capfd.readouterr()
    caplog.clear()
    data.load(data_config)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


@pytest.mark.skipif(not SHARED.exists(), reason="the CIFAR-10 subset is not beside this clone")
def test_cifar10_subset(data_config):
    data_config.update(name="cifar10", dir=str(SHARED), validation_images=512)
    loaded = data.load(data_config)
    assert loaded.name == "cifar10 subset (8,068/1,017)"
    assert {split: len(pixels) for split, pixels in loaded.splits.items()} == {
        "train": 7556,
        "validation": 512,
        "test": 1017,
    }
    expected = tfds.as_numpy(tfds.load("cifar10", data_dir=str(SHARED), split="test", download=False, batch_size=-1))
    np.testing.assert_array_equal(loaded.splits["test"], expected["image"])
    np.testing.assert_array_equal(loaded.labels["test"], expected["label"])
    assert loaded.class_names[:4] == ("airplane", "automobile", "bird", "cat")
