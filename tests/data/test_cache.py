"""The cache: believed only as far as it was checked, made anew where it is damaged, and rid of what nobody uses."""

import dataclasses
import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import types
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from conftest import another_process, contents
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from flowconv import data
from flowconv.data import builders, cache, leftovers, splits
from flowconv.errors import UserError
from tests.runs import FULL


@pytest.fixture
def loaded(data_config, store):
    """A data set that has been loaded once: its images, and the folder in the cache."""
    store("cifar10", (32, 32, 3), train=20, test=5)
    data_config.update(name="cifar10", validation_images=3)
    images = data.load(data_config)
    (entry,) = contents(data_config.cache_dir)
    return images, Path(data_config.cache_dir, entry)


def truncated(path):
    path.write_bytes(path.read_bytes()[:-100])


def empty(path):
    path.write_bytes(b"")


def missing(path):
    path.unlink()


def a_folder(path):
    path.unlink()
    path.mkdir()


def flipped(path):
    path.write_bytes(bytes(255 - byte for byte in path.read_bytes()))


def one_bit_flipped(path):
    """In the last byte, with the date of before."""
    before, content = path.stat(), path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def of_another_type(path):
    np.save(path, np.zeros((20, 32, 32, 3), np.float32))


def of_another_shape(path):
    np.save(path, np.zeros((19, 32, 32, 3), np.uint8))


def pickled(path):
    np.save(path, np.array([{}]), allow_pickle=True)


def other_facts(path):
    path.write_text('{"fingerprint": "0123456789ab", "enlarged": 0, "of": "", "labels": "0123456789ab"}')


def no_facts(path):
    path.write_text("[]")


ARRAY = (truncated, empty, missing, a_folder, flipped, one_bit_flipped, of_another_type, of_another_shape, pickled)
FACTS = (truncated, empty, missing, a_folder, flipped, other_facts, no_facts)


@pytest.mark.parametrize(
    ("damage", "file"),
    [(damage, "train.npy") for damage in ARRAY]
    + [(damage, "test.labels.npy") for damage in (missing, one_bit_flipped, of_another_type)]
    + [(damage, cache.FACTS) for damage in FACTS],
)
def test_what_is_damaged_is_made_anew(data_config, loaded, capsys, damage, file):
    images, entry = loaded
    expected = {name: np.array(pixels) for name, pixels in images.splits.items()}
    labels = np.array(images.labels["test"])
    damage(entry / file)
    with pytest.raises(UserError, match="has not been decoded there"):
        data.load(data_config, prepare=False)
    again = data.load(data_config)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"the decoded images in {entry} are damaged (") and line.endswith("; they are made anew")
    assert again.describe() == images.describe()
    np.testing.assert_array_equal(again.labels["test"], labels)
    for name, pixels in expected.items():
        np.testing.assert_array_equal(again.splits[name], pixels)
    assert contents(data_config.cache_dir) == [entry.name]


def test_the_checksum_is_taken_once_a_day(data_config, loaded, monkeypatch):
    taken = []
    monkeypatch.setattr(cache, "_chunks", lambda arrays: taken.append(1) or [])
    data.load(data_config)
    assert not taken
    stamp = loaded[1] / cache.CHECKED
    os.utime(stamp, (stamp.stat().st_mtime - 2 * cache.CHECKED_FOR,) * 2)
    with pytest.raises(UserError):
        data.load(data_config, prepare=False)
    assert taken


RECORDS = list(itertools.product(["folder", "photos"], ["*.tfrecord*", "dataset_info.json"], ARRAY[:3] + (flipped,)))


@pytest.mark.parametrize(
    ("name", "pattern", "damage"),
    RECORDS if FULL else [case for case in RECORDS if case[0] == "folder"],
)
def test_records_of_our_own_are_made_anew(data_config, tmp_path, capsys, name, pattern, damage):
    data_config.update(name=name, image_size=128 if name == "photos" else 8, dir=str(tmp_path))
    for number in range(4):
        Image.new("RGB", (8, 8), (number,) * 3).save(tmp_path / f"{number}.png")
    before = data.load(data_config)
    for entry in contents(data_config.cache_dir):
        if entry != "records":
            shutil.rmtree(Path(data_config.cache_dir, entry))
    (broken, *_) = sorted(Path(data_config.cache_dir, "records").rglob(pattern))
    damage(broken)
    data.check(data_config)
    assert data.load(data_config).describe() == before.describe()
    err = capsys.readouterr().err
    assert (damage is missing and pattern == "dataset_info.json") or "are made anew" in err


def test_other_validation_images_need_no_other_copy(data_config, loaded):
    images, entry = loaded
    data_config.validation_images = 7
    other = data.load(data_config)
    assert [len(other.splits[name]) for name in ("train", "validation", "test")] == [13, 7, 5]
    np.testing.assert_array_equal(other.splits["validation"][-3:], images.splits["validation"])
    assert contents(data_config.cache_dir) == [entry.name]
    assert other.fingerprint == images.fingerprint


@pytest.fixture
def folder_of_images(data_config, tmp_path) -> Path:
    path = tmp_path / "images"
    path.mkdir()
    data_config.update(name="folder", dir=str(path), image_size=8)
    for number in range(4):
        Image.new("RGB", (8, 8), (number,) * 3).save(path / f"{number}.png")
    return path


@pytest.mark.parametrize("used", [False, True])
def test_copies_of_a_folder_that_has_changed_are_removed(data_config, folder_of_images, used):
    """Its decoded images unless a process uses them, which may be on another machine."""
    data.load(data_config)
    before = contents(data_config.cache_dir)
    if not used:
        another_process()
    Image.new("RGB", (8, 8)).save(folder_of_images / "more.png")
    data.list_anew()
    assert sum(map(len, data.load(data_config).splits.values())) == 5
    after = contents(data_config.cache_dir)
    assert len(after) == len(before) + used
    assert (set(before) <= set(after)) == used
    assert len(list(Path(data_config.cache_dir, "records").rglob("dataset_info.json"))) == 1


def test_copies_for_another_purpose_stay(data_config, folder_of_images):
    for change in ({}, {"image_size": 4}, {"patches": True}):
        data_config.update(change)
        data.load(data_config)
    another_process()
    data.load(data_config)
    assert len(contents(data_config.cache_dir)) == 3 + 1  # with the records


WRITER = """
import sys, time
from pathlib import Path
from flowconv.data import leftovers
with leftovers.writing(Path(sys.argv[1])):
    print("writing", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_left_is_removed(data_config, loaded):
    """And nothing while another one writes."""
    folder = Path(data_config.cache_dir)
    left = [folder / ".decoding-x" / "cifar10", folder / "records" / "photos" / "32x32" / "incomplete.AB12_1.0.0"]
    for path in left:
        path.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"writing\n"
        data.load(data_config)
        assert all(path.exists() for path in left)
        process.kill()
    data.load(data_config)
    assert not any(path.exists() for path in left)


def test_a_cache_without_locks_is_left_as_it_is(data_config, loaded, monkeypatch):
    (Path(data_config.cache_dir) / ".decoding-x").mkdir()
    monkeypatch.setattr(leftovers.fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError("no locks")))
    assert data.load(data_config).describe() == loaded[0].describe()
    assert ".decoding-x" in contents(data_config.cache_dir)


def test_no_test_images(data_config, store):
    store("cifar10", (32, 32, 3), train=20, test=5)
    data_config.name = "cifar10"
    (info,) = Path(data_config.dir).rglob("dataset_info.json")
    content = json.loads(info.read_text())
    for split in content["splits"]:
        if split["name"] == "test":
            split["shardLengths"] = ["0"]
    info.write_text(json.dumps(content))
    with pytest.raises(UserError, match="its split 'test' has no images to test with"):
        splits.parts(builders.find_dataset(data_config), 3)


def test_a_run_for_use_writes_to_the_users_own_cache(data_config, loaded, monkeypatch, tmp_path, capsys):
    """What is decoded where the run's config says is read; nothing is written there, nothing downloaded."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    images, entry = loaded
    (entry / cache.CHECKED).unlink()
    assert data.load_for_use(data_config).describe() == images.describe()
    assert capsys.readouterr().err == (
        f"the run's data are read: cifar10, data.dir={data_config.dir}, data.cache_dir={data_config.cache_dir}\n"
    )
    assert not (entry / cache.CHECKED).exists() and not (tmp_path / "own").exists()
    data_config.cache_dir = str(tmp_path / "of the run")
    assert data.load_for_use(data_config).describe() == images.describe()
    assert not Path(data_config.cache_dir).exists() and (tmp_path / "own").exists()
    data_config.dir = str(tmp_path / "nothing")
    with pytest.raises(UserError, match=r"--config.data.dir=.*nothing: cifar10 is not there"):
        data.load_for_use(data_config)


@pytest.mark.parametrize("name", ["cifar10", "cifar10:3.0.2"])
def test_a_folder_of_data_imports_nothing(data_config, loaded, monkeypatch, tmp_path, name):
    """Though its features.json names a class that lies where Python finds it."""
    (features,) = Path(data_config.dir).rglob("features.json")
    features.write_text('{"pythonClassName": "stranger.Feature", "jsonFeature": {"json": "{}"}}')
    (tmp_path / "stranger.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    data_config.name = name
    data.load(data_config)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("name", ["cifar10:1.0.0", "cifar10/x", "cifar10/plain_text/version=3.0.2", "a/../../b"])
def test_names_that_point_elsewhere(data_config, loaded, name):
    data_config.name = name
    with pytest.raises(UserError, match=f"^--config.data.name={name}: "):
        data.load(data_config)


@pytest.mark.parametrize("name", ["photos", "folder"])
def test_validation_images_of_data_with_a_validation_split(data_config, folder_of_images, name):
    data_config.update(name=name, validation_images=12)
    with pytest.raises(UserError, match=r"^--config.data.validation_images=12: is not used with data.name=.*"):
        data.check(data_config)


@dataclasses.dataclass
class Prepared:
    """A data set as the cache sees it, of these images and labels."""

    pixels: np.ndarray
    labels: np.ndarray | None
    name: str = "made"

    def __post_init__(self):
        split = types.SimpleNamespace(num_examples=len(self.pixels), num_bytes=1)
        self.builder = types.SimpleNamespace(
            name=self.name, version="1.0.0", data_path="/made", info=types.SimpleNamespace(splits={"train": split})
        )
        self.split_counts, self.origin, self.has_labels = {"train": len(self.pixels)}, "/made", self.labels is not None

    @property
    def shape(self):
        return self.pixels.shape[1:]

    def decode(self, *_):
        labels = [0] * len(self.pixels) if self.labels is None else self.labels
        return ((image.tobytes(), int(label)) for image, label in zip(self.pixels, labels, strict=True))

    def written(self, folder):
        """The entry, which is written."""
        entry = cache.entry(folder, self, self.shape)
        with mock.patch.object(cache, "decode", self.decode):
            cache.write(entry, self, ["train"], self.shape)
        return entry

    def read(self, entry, has_labels=None):
        has_labels = self.has_labels if has_labels is None else has_labels
        return cache.read(entry, self.split_counts, self.shape, has_labels, note_check=False)


@st.composite
def prepared(draw):
    """Few images of any height, width and one to four channels, with labels or without."""
    shape = [draw(st.integers(1, most)) for most in (5, 6, 6, 4)]
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    labels = generator.integers(-1, 2**31 - 1, shape[0], np.int32) if draw(st.booleans()) else None
    return Prepared(generator.integers(0, 256, shape, np.uint8), labels)


any_entry = settings(max_examples=40, deadline=None)


@any_entry
@given(dataset=prepared())
def test_what_is_written_is_read(dataset):
    with tempfile.TemporaryDirectory() as folder:
        found = dataset.read(dataset.written(Path(folder)))
        np.testing.assert_array_equal(found.pixels["train"], dataset.pixels)
        assert found.fingerprint == hashlib.sha256(dataset.pixels).hexdigest()[:12]
        assert list(found.labels) == ["train"] * dataset.has_labels
        if dataset.has_labels:
            assert found.labels["train"].dtype == np.int32
            np.testing.assert_array_equal(found.labels["train"], dataset.labels)
        another_process()


@any_entry
@given(dataset=prepared(), choice=st.integers(0), bit=st.integers(0, 7))
def test_no_bit_of_an_entry_is_read_wrong(dataset, choice, bit):
    """Pixels and labels are what was written, or the entry is refused."""
    with tempfile.TemporaryDirectory() as folder:
        entry = dataset.written(Path(folder))
        file = sorted(entry.glob("*.npy"))[choice % (1 + dataset.has_labels)]
        content = bytearray(file.read_bytes())
        content[-1 - choice % (len(content) - 128)] ^= 1 << bit  # behind numpy's header
        file.write_bytes(content)
        with pytest.raises(cache.Damaged):
            dataset.read(entry)


@any_entry
@given(dataset=prepared(), other=prepared())
def test_entries_of_other_shapes_are_others(dataset, other):
    folder = Path("/cache")
    same = dataset.shape == other.shape
    assert (cache.entry(folder, dataset, dataset.shape) == cache.entry(folder, dataset, other.shape)) == same


def test_an_entry_of_version_0_1_is_read_unless_its_labels_are_needed(tmp_path):
    """It has neither labels nor their checksum."""
    dataset = Prepared(np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3), None)
    entry = dataset.written(tmp_path)
    facts = {"of": "/made", "fingerprint": hashlib.sha256(dataset.pixels).hexdigest()[:12], "enlarged": 0}
    assert json.loads((entry / cache.FACTS).read_text()) == facts
    assert entry.name.startswith("made-1.0.0-4x4-")
    np.testing.assert_array_equal(dataset.read(entry).pixels["train"], dataset.pixels)
    with pytest.raises(cache.Damaged, match="of a version that kept no labels"):
        dataset.read(entry, has_labels=True)
