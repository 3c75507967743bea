"""What is refused: in one line that names the flag, and leaves nothing behind."""

import io
import re
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import requests
import tensorflow_datasets as tfds
from conftest import contents

from flowconv import data
from flowconv.errors import UserError


def refusal(data_config, action=data.check, **fields) -> str:
    """The one line with which `action` refuses `data_config` with these fields."""
    data_config.update(fields)
    with pytest.raises(UserError) as raised:
        action(data_config)
    line = str(raised.value)
    assert line.startswith("--config.data.")
    assert "\n" not in line
    return line


@pytest.fixture
def offline(monkeypatch):
    def get(*_, **__):
        raise requests.ConnectionError("no network")

    monkeypatch.setattr(requests, "get", get)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", lambda *_, **__: pytest.fail("downloads"))


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("../cifar10", "cifar10"),
        ("cifa10", "cifar10"),
        ("photo", "photos"),
        ("downsample_imagenet/32x32", "downsampled_imagenet"),
        ("mnits", "mnist"),
    ],
)
def test_unknown_name(data_config, wrong, right):
    line = refusal(data_config, name=wrong)
    assert f"--config.data.name={wrong}:" in line
    assert f"did you mean {right}?" in line


@pytest.mark.parametrize("name", ["", "a b", "xyzzyplugh", "//", "huggingface:cifar10", "caf\udce9", "a\0b"])
def test_name_like_no_other(data_config, name):
    assert "celeb_a_hq, cifar10" in refusal(data_config, name=name)


def test_unknown_variant(data_config):
    assert "32x32, 64x64" in refusal(data_config, name="downsampled_imagenet/48x48")


@pytest.mark.parametrize(
    ("name", "size", "offered"),
    [
        ("photos", 48, "16, 32, 64, 128"),
        ("downsampled_imagenet", 48, "32, 64"),
        ("imagenet_resized", 256, "8, 16, 32, 64"),
        ("celeb_a_hq", 100, "128, 256"),
        ("cifar10", 64, "at most 32"),
        ("downsampled_imagenet/32x32", 64, "at most 32"),
        ("photos", 0, "at least 1"),
    ],
)
def test_image_size_not_offered(data_config, name, size, offered):
    line = refusal(data_config, name=name, image_size=size)
    assert f"--config.data.image_size={size}:" in line
    assert offered in line


@pytest.mark.parametrize(
    ("name", "channels", "right"),
    [("cifar10", 1, "3 channels"), ("cifar10", 4, "3 channels"), ("mnist", 4, "1 channel (which 3 repeat)")],
)
def test_channels_that_images_do_not_have(data_config, name, channels, right):
    line = refusal(data_config, name=name, channels=channels, image_size=28)
    assert line == f"--config.data.channels={channels}: {name} has images of {right}"


def test_no_images_in_the_data_set(data_config):
    assert "'image'" in refusal(data_config, name="glue")


@pytest.mark.parametrize("action", [data.check, data.load])
def test_download_impossible(data_config, offline, action):
    line = refusal(data_config, action, name="cifar10")
    assert str(Path(data_config.dir, "cifar10", "3.0.2")) in line
    assert line.endswith("` where that works, and give --config.data.dir=DIR")
    (code,) = re.findall('`python -c "(.*)"`', line)
    with mock.patch.object(tfds, "load") as loaded:
        exec(code)
    loaded.assert_called_once_with("cifar10", data_dir="DIR")
    assert not Path(data_config.dir).exists()
    assert not Path(data_config.cache_dir).exists()


def test_no_longer_distributed(data_config, monkeypatch):
    gone = requests.Response()
    gone.status_code, gone.raw = 404, io.BytesIO()
    monkeypatch.setattr(requests, "get", lambda *_, **__: gone)
    line = refusal(data_config, name="downsampled_imagenet")
    assert "answers 404" in line
    assert "distributes it no more" in line


def test_download_by_hand(data_config, offline):
    line = refusal(data_config, name="celeb_a_hq", image_size=256)
    assert str(Path(data_config.dir, "downloads", "manual")) in line


def test_download_that_breaks_off(data_config, monkeypatch):
    answer = requests.Response()
    answer.status_code, answer.raw = 200, io.BytesIO()
    monkeypatch.setattr(requests, "get", lambda *_, **__: answer)

    def download(*_):
        raise ConnectionResetError("connection\nreset")

    monkeypatch.setattr(tfds.download.DownloadManager, "download_and_extract", download)
    assert "connection reset" in refusal(data_config, data.load, name="cifar10")
    assert not list(Path(data_config.dir, "cifar10").iterdir())


@pytest.mark.parametrize("count", [-1, 0, 40, 41])
def test_validation_images(data_config, store, count):
    store("cifar10", (32, 32, 3), train=40, test=9)
    line = refusal(data_config, name="cifar10", validation_images=count)
    assert f"--config.data.validation_images={count}:" in line
    assert "40 training images" in line


def test_as_many_validation_images_as_leave_one_to_train(data_config, store):
    store("cifar10", (32, 32, 3), train=40, test=9)
    data_config.update(name="cifar10", validation_images=39)
    data.check(data_config)
    assert len(data.load(data_config).splits["train"]) == 1


def test_damaged_records(data_config, store):
    store("cifar10", (32, 32, 3), train=40, test=9)
    (records,) = Path(data_config.dir).rglob("cifar10-train*")
    damaged = np.fromfile(records, np.uint8)
    damaged[len(damaged) // 2 :] ^= 255
    damaged.tofile(records)
    assert "damaged" in refusal(data_config, data.load, name="cifar10", validation_images=1)
    assert not contents(data_config.cache_dir)


def test_cache_that_cannot_be_a_folder(data_config, store, tmp_path):
    store("cifar10", (32, 32, 3), train=4, test=2)
    Path(tmp_path, "file").touch()
    line = refusal(data_config, data.load, name="cifar10", validation_images=1, cache_dir=str(tmp_path / "file"))
    assert f"--config.data.cache_dir={tmp_path / 'file'}: can't be written" in line


def test_photos_need_a_cache_that_can_be_written(data_config, tmp_path):
    Path(tmp_path, "file").touch()
    line = refusal(data_config, data.load, name="photos", cache_dir=str(tmp_path / "file"))
    assert str(tmp_path / "file") in line


def test_another_process_has_not_prepared(data_config, store):
    def load_prepared(config):
        return data.load(config, prepare=False)

    assert "not prepared" in refusal(data_config, load_prepared, name="cifar10", validation_images=1)
    store("cifar10", (32, 32, 3), train=4, test=2)
    assert "not been decoded" in refusal(data_config, load_prepared)
