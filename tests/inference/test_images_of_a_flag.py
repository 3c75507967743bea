"""Images that a flag names: files and folders, with commas between them, and a table of labels."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flowconv.config import default_config
from flowconv.errors import UserError
from flowconv.inference.load import find_images, read_images, read_labels


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """The current folder, with images 0 … 5 of these grey levels: two beside folders `b`, `c` and `a,b`."""
    for number, name in enumerate(["0.png", "1.odd", "b/2.png", "b/more/3.jpeg", "c/4.png", "a,b/5.png"]):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), (number,) * 3).save(tmp_path / name, "JPEG" if name.endswith("jpeg") else "PNG")
    (tmp_path / "b" / "notes.txt").write_text("")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def data_config():
    config = default_config().data
    config.image_size = 8
    return config


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("0.png", ["0.png"]),
        ("1.odd", ["1.odd"]),
        ("b", ["b/2.png", "b/more/3.jpeg"]),
        ("c,0.png,b", ["c/4.png", "0.png", "b/2.png", "b/more/3.jpeg"]),
        ("a,b", ["a,b/5.png"]),
        ("~/c", ["~/c/4.png"]),
    ],
)
def test_files_and_folders(here, given, found):
    assert find_images("images", given) == [Path(name).expanduser() for name in found]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (None, "--images is missing: name files or folders of images, with commas between them"),
        ("", "--images is empty: .*"),
        ("c,,b", "--images is empty: .*"),
        ("c,nothing.png", "--images=nothing.png: there is no such file or folder"),
        ("empty", "--images=empty: holds no images"),
    ],
)
def test_what_is_no_image(here, given, line):
    with pytest.raises(UserError, match=f"^{line}$"):
        find_images("images", given)


def test_what_is_left_out_is_said(here, capsys, data_config):
    """Once, however often the files are looked for before they are read."""
    find_images("images", "b,c")
    read_images("images", "b,c", data_config)
    assert capsys.readouterr().err == "--images=b: left out: 1 .txt\n"


def test_pictures(here, data_config):
    paths, pixels = read_images("images", "b,0.png,c", data_config, most=3)
    assert paths == [Path("b/2.png"), Path("b/more/3.jpeg"), Path("0.png")]
    assert pixels.shape == (3, 8, 8, 3)
    np.testing.assert_allclose(pixels.mean(axis=(1, 2, 3)), [2, 3, 0], atol=1)


def test_an_unreadable_one_has_a_reason(here, data_config):
    line = r"^--images=b/notes.txt: can't be read as an image \(of no format that is known\)$"
    with pytest.raises(UserError, match=line):
        read_images("images", "0.png,b/notes.txt", data_config)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_table_of_labels(here, data_config, mark):
    """With the mark that spreadsheets begin UTF-8 with, and a name in an older encoding."""
    os.rename("c/4.png", b"caf\xe9.png")
    Path("labels.csv").write_bytes(mark + b"0.png,1\r\nb/2.png,0\r\ncaf\xe9.png,0\r\n")
    positive, negative = read_labels("labels", "labels.csv", data_config)
    assert positive.mean() == 0
    np.testing.assert_array_equal(negative.mean(axis=(1, 2, 3)), [2, 4])
