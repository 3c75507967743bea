"""One's own images: formats, the deterministic split, and a key that follows the folder's contents."""

import os
import types
import weakref
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from flowconv import data
from flowconv.data import image_files
from flowconv.data.datasets import folder
from flowconv.errors import UserError


@pytest.fixture
def images(data_config, tmp_path) -> Path:
    """An empty folder that `data_config` names, at 8x8."""
    path = tmp_path / "my images"
    path.mkdir()
    data_config.update(name="folder", dir=str(path), image_size=8)
    return path


def save(path: Path, value: int, size: tuple[int, int] = (12, 10), **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).save(path, **options)


def values(loaded: data.ImageData) -> list[int]:
    """The grey levels of all images."""
    return sorted(int(image.mean().round()) for pixels in loaded.splits.values() for image in pixels)


def test_any_format_anywhere_below(data_config, images):
    save(images / "a.png", 10)
    save(images / "b" / "c" / "d.JPG", 20, format="JPEG")
    save(images / "b" / "e.bmp", 30)
    save(images / "ä ö.webp", 40, lossless=True)
    save(images / "f.tiff", 50)
    save(images / "g.gif", 60)
    Image.fromarray(np.full((9, 9), 70 * 257, np.uint16)).save(images / "sixteen.png")
    Image.new("LA", (9, 9), (80, 255)).save(images / "grey.png")
    (images / "notes.txt").write_text("not an image")
    save(images / ".hidden.png", 90)
    (images / "._a.png").write_text("macOS leaves these about")
    loaded = data.load(data_config)
    assert values(loaded) == [10, 20, 30, 40, 50, 60, 70, 80]
    assert loaded.name == "folder/my images"
    assert loaded.splits["train"].shape[1:] == (8, 8, 3)


def test_patches(data_config, images):
    """All whole patches of an image, as they are, in one split; an image too small for one is resized."""
    pixels = np.random.default_rng(0).integers(0, 256, (19, 30, 3), np.uint8)
    for name in "abc":
        Image.fromarray(pixels).save(images / f"{name}.png")
    save(images / "small.png", 70, size=(4, 4))
    data_config.patches = True
    loaded = data.load(data_config)
    counts = sorted(len(split) for split in loaded.splits.values())
    assert counts in ([1, 6, 12], [6, 6, 7])
    whole = [pixels[top : top + 8, left : left + 8] for top in (0, 8) for left in (0, 8, 16)]
    found = np.concatenate(list(loaded.splits.values()))
    for patch in whole:
        assert sum(np.array_equal(patch, other) for other in found) == 3
    assert loaded.note == (
        "cut into patches; of grey images, repeated to three channels: 1; "
        "of images that were enlarged, which lowers bits/dim: 1"
    )
    data_config.patches = False
    assert sum(len(split) for split in data.load(data_config).splits.values()) == 4


def test_four_channels_keep_transparency(data_config, images):
    for name in "abc":
        Image.new("RGBA", (8, 8), (10, 20, 30, 40)).save(images / f"{name}.png")
    data_config.channels = 4
    assert data.load(data_config).splits["train"][0, 0, 0].tolist() == [10, 20, 30, 40]
    data_config.channels = 2
    assert refusal(data_config) == "--config.data.channels=2: folder makes images of 1, 3 or 4 channels"


@pytest.mark.parametrize("patches", [False, True])
def test_sub_folders_are_classes(data_config, images, patches):
    for i in range(12):
        save(images / ("b", "a", "c \udce9")[i % 3] / f"{'deep/' * (i % 2)}{i}.png", 10 * (i % 3), size=(9, 17))
    data_config.patches = patches
    loaded = data.load(data_config)
    assert loaded.class_names == ("a", "b", "c \N{REPLACEMENT CHARACTER}")
    assert sum(map(len, loaded.labels.values())) == 12 * (1 + patches)
    for split, labels in loaded.labels.items():
        assert labels.tolist() == [{0: 1, 10: 0, 20: 2}[image[0, 0, 0]] for image in loaded.splits[split]]


CLASSES = {
    "cat/1.png dog/2.png dog/x/3.png": ("cat", "dog"),
    "train/cat/1.png test/dog/2.png": ("cat", "dog"),
    "Train/cat/1.png Val/dog/2.png": ("cat", "dog"),
    "train/1.png cat/2.png": ("cat", "train"),
    "train/cat/1.png train/cat/2.png": (),
    "train/1.png test/2.png": (),
    "train/cat/1.png test/2.png": (),
    "cat/1.png 2.png": (),
    "cat/1.png cat/2.png": (),
    "1.png 2.png": (),
}


@pytest.mark.parametrize("paths", CLASSES)
def test_which_sub_folders_are_classes(paths):
    """Two or more that hold each image; those that are called by names of splits stand above them."""
    found = image_files.classes_of(paths.split())
    assert found.names == CLASSES[paths]
    if found.names:
        assert [found.names[found.label(path)] in path.split("/")[:2] for path in paths.split()]


def test_orientation_is_respected(data_config, images):
    for name in "abc":
        picture = Image.new("RGB", (8, 8))
        picture.paste("white", (0, 0, 8, 4))  # the upper half, which turns to the right
        exif = picture.getexif()
        exif[0x0112] = 6
        picture.save(images / f"{name}.png", exif=exif)
    image = data.load(data_config).splits["train"][0]
    assert image[:, 4:].min() == 255
    assert image[:, :4].max() == 0


def named(count: int) -> list[str]:
    return [f"{i}.png" for i in range(count)]


@pytest.mark.parametrize(("count", "train", "held_out"), [(3, 1, 1), (4, 2, 1), (1_000, 780, 80), (10_000, 7_900, 950)])
def test_split_sizes(count, train, held_out):
    """Four fifths and two tenths, as nearly as hashes have it; never an empty split."""
    split = folder.split(named(count))
    assert len(split["train"]) >= train and min(len(split["validation"]), len(split["test"])) >= held_out
    assert sorted(path for part in split.values() for path in part) == sorted(named(count))


def test_the_split_depends_on_nothing_but_the_paths():
    assert folder.split(named(40)[::-1]) == folder.split(named(40))
    assert folder.split(named(40))["test"] != named(4)


names = st.sets(st.text(min_size=1, max_size=6), min_size=3, max_size=60)


def splits_of(paths) -> dict[str, str]:
    return {path: split for split, part in folder.split(sorted(paths)).items() for path in part}


@settings(deadline=None)
@given(before=names, added=names)
@example(before={"\n", "0", "B0"}, added={"0000", "00000"})
def test_adding_files_never_moves_one(before, added):
    """Each keeps its split, but for one that a split without files of its own borrowed or borrows."""
    first, then = splits_of(before), splits_of(before | added)
    moved = {path for path in before if then[path] != first[path]}
    own = {
        path: "test" if (at := folder.place(path)) < 0.1 else "validation" if at < 0.2 else "train"
        for path in before | added
    }
    lacking = {"train", "validation", "test"} - set(own.values())
    assert len(moved & {path for path in before if first[path] == own[path] == "train"}) <= len(lacking)
    if {own[path] for path in before} == {"train", "validation", "test"}:
        assert not moved
        assert all(first[path] == own[path] for path in before)
    assert len(moved) <= 2


def test_listing_a_million_files_keeps_only_names(tmp_path, monkeypatch):
    """They are taken one by one, however many there are, and once in a process' life."""
    taken, alive = [], weakref.WeakSet()

    class Entry:
        def __init__(self, number):
            self.path = f"{tmp_path}/{number:07}.png"

        def stat(self):
            alive.add(self)
            taken.append(len(alive))
            return types.SimpleNamespace(st_size=1, st_mtime_ns=2)

    monkeypatch.setattr(image_files, "image_files", lambda top, left_out: map(Entry, range(100_000, 0, -1)))
    paths = image_files.listing(str(tmp_path)).paths
    assert len(paths) == 100_000 and paths[:2] == ["0000001.png", "0000002.png"]
    assert max(taken) <= 2
    assert image_files.listing(str(tmp_path)).paths is paths and len(taken) == 100_000


@pytest.mark.parametrize("change", ["add", "remove", "rewrite", "touch"])
def test_a_changed_folder_is_read_again(data_config, images, change):
    # Bitmaps, because theirs is the same number of bytes whatever they show.
    for i in range(5):
        save(images / f"{i}.bmp", 10 * i)
    assert values(data.load(data_config)) == [0, 10, 20, 30, 40]
    if change == "add":
        save(images / "5.bmp", 50)
    elif change == "remove":
        (images / "0.bmp").unlink()
    elif change == "rewrite":
        save(images / "0.bmp", 99, size=(30, 30))
    else:
        before = (images / "0.bmp").stat()
        save(images / "0.bmp", 99)
        os.utime(images / "0.bmp", ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    image_files.listing.cache_clear()  # as the next process
    expected = {"add": [0, 10, 20, 30, 40, 50], "remove": [10, 20, 30, 40]}.get(change, [10, 20, 30, 40, 99])
    assert values(data.load(data_config)) == expected


def refusal(data_config, action=data.check) -> str:
    with pytest.raises(UserError) as raised:
        action(data_config)
    line = str(raised.value)
    assert "\n" not in line
    return line


def test_no_folder_given(data_config):
    data_config.update(name="folder", dir="")
    assert "--config.data.dir=PATH" in refusal(data_config)


def test_missing_folder(data_config, images):
    images.rmdir()
    assert f"--config.data.dir={images} is not a folder" in refusal(data_config)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_images(data_config, images, count):
    for i in range(count):
        save(images / f"{i}.png", i)
    assert f"--config.data.dir={images} holds {count} image{'s' * (count != 1)};" in refusal(data_config)


def test_unreadable_images_are_counted(data_config, images):
    for i in range(30):
        save(images / f"{i:02}.png", i, size=(40, 40))
    for name in ("07.png", "15.png"):
        (images / name).write_bytes((images / name).read_bytes()[:60])  # cut short
    (images / "22.jpg").write_text("no image at all")
    line = refusal(data_config, data.load)
    assert f"--config.data.dir={images}: 3 of its images can't be read, the first is '07.png'" in line
    assert not list(Path(data_config.cache_dir).rglob("*.tfrecord*"))


def test_what_is_left_out_is_counted(data_config, images):
    """By kind; links to folders are not followed, so a loop of them ends."""
    for i in range(3):
        save(images / "below" / f"{i}.png", i)
    (images / "loop").symlink_to(images)
    (images / "class a").symlink_to(images / "below")
    (images / "gone.png").symlink_to(images / "nowhere.png")
    for name in ("a.TXT", "b.txt", "c.jxl", ".hidden.png", "no suffix", "e.png~"):
        (images / name).write_text("")
    assert image_files.listing(str(images)).left_out == {
        "links to folders": 2, ".txt": 2, ".jxl": 1, "hidden": 1, "broken links": 1, "of no suffix": 2
    }  # fmt: skip
    assert len(values(data.load(data_config))) == 3
    for path in (images / "below").iterdir():
        path.unlink()
    image_files.listing.cache_clear()
    line = refusal(data_config)
    assert "left out: 2 " in line and "2 links to folders" in line and line.endswith("1 broken link)")


def test_names_that_are_not_utf8(data_config, images):
    for i, name in enumerate((b"caf\xe9.png", b"\xff\xfe.png", "日本.png".encode())):
        save(images / "a.png", 10 * i)
        os.rename(images / "a.png", os.path.join(os.fsencode(images), name))
    assert values(data.load(data_config)) == [0, 10, 20]
    Path(os.fsdecode(os.path.join(os.fsencode(images), b"bad\xe9.png"))).write_bytes(b"")
    image_files.listing.cache_clear()
    assert r"the first is 'bad\udce9.png'" in refusal(data_config, data.load)
