"""Odd files that are images nevertheless, and those that are none."""

import itertools
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from flowconv.data import image_files
from flowconv.data.reading import Unreadable, read

RGB = Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8))


@pytest.mark.parametrize(
    ("suffix", "format"),
    [
        *itertools.product((".jfif", ".jpe", ".jpeg", ".jpg"), ["JPEG"]),
        *itertools.product((".j2c", ".j2k", ".jp2", ".jpc", ".jpf", ".jpx"), ["JPEG2000"]),
        *itertools.product((".pbm", ".pgm", ".pnm", ".ppm"), ["PPM"]),
        *itertools.product((".tga", ".icb", ".vda", ".vst"), ["TGA"]),
        *itertools.product((".sgi", ".rgb", ".rgba", ".bw"), ["SGI"]),
        *itertools.product((".avif", ".avifs"), ["AVIF"]),
        *itertools.product((".png", ".apng"), ["PNG"]),
        *itertools.product((".tif", ".tiff"), ["TIFF"]),
        *((f".{name.lower()}", name) for name in ("BMP", "DIB", "GIF", "ICO", "MPO", "PCX", "QOI", "WEBP")),
    ],
)
def test_every_suffix_of_a_format(tmp_path, suffix, format):
    RGB.save(tmp_path / f"a{suffix.upper()}", format)
    assert image_files.listing(str(tmp_path)).paths == [f"a{suffix.upper()}"]
    assert read(tmp_path / f"a{suffix.upper()}").mode == "RGB"


def saved(path: Path, image: Image.Image, **options) -> Path:
    image.save(path, **options)
    return path


def large(folder):
    return saved(folder / "large.png", Image.new("1", (16_000, 12_000)))


def long_text(folder):
    notes = PngImagePlugin.PngInfo()
    for number in range(60):
        notes.add_text(f"workflow {number}", "x" * 1_200_000, zip=True)
    return saved(folder / "text.png", RGB, pnginfo=notes)


def long_profile(folder):
    return saved(folder / "profile.png", RGB, icc_profile=bytes(1_500_000))


def odd_exif(folder):
    """An orientation beside a resolution that is a text."""
    fields = [struct.pack("<HHI4s", *field) for field in ((0x0112, 3, 1, b"\6\0\0\0"), (0x011A, 2, 3, b"72\0\0"))]
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + b"".join(fields) + bytes(4)
    return saved(folder / "exif.jpg", RGB, exif=exif)


@pytest.mark.parametrize(
    ("make", "size"),
    [(large, (16_000, 12_000)), (long_text, (16, 12)), (long_profile, (16, 12)), (odd_exif, (12, 16))],
)
def test_what_pillow_alone_refuses(tmp_path, make, size, recwarn):
    before = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
    assert read(make(tmp_path)).size == size
    assert before == (Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY)
    assert not recwarn.list


def test_broken_exif_is_no_obstacle(tmp_path):
    assert read(saved(tmp_path / "a.jpg", RGB, exif=b"Exif\0\0no such thing")).size == RGB.size


@pytest.mark.parametrize("format", ["png", "jpg", "tiff", "webp", "mpo"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(tmp_path, orientation, format):
    """The pixels are stored as the camera was held; upright, the one bright quarter is at the top left."""
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16] = 255
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / f"a.{format}", Image.fromarray(np.ascontiguousarray(stored)), exif=exif)
    np.testing.assert_allclose(np.asarray(read(path)), upright, atol=60)


@pytest.mark.parametrize("white", [65535, 4095, 1023, 255])
@pytest.mark.parametrize("plain", [False, True])
def test_portable_greymaps_have_a_white(tmp_path, white, plain):
    levels = np.array([[0, white // 5, white // 2, white]])
    text = " ".join(map(str, levels[0])).encode()
    data = text if plain else levels.astype(">u2" if white > 255 else "u1").tobytes()
    (tmp_path / "a.pgm").write_bytes(b"P%d 4 1 %d\n" % (2 if plain else 5, white) + data)
    np.testing.assert_allclose(np.asarray(read(tmp_path / "a.pgm"))[0, :, 0], [0, 51, 127, 255], atol=1)


def floating(folder):
    return saved(folder / "a.tif", Image.new("F", (8, 8)))


def thirty_two_bits(folder):
    return saved(folder / "a.tif", Image.new("I", (8, 8)))


def gigantic(folder):
    """A header that announces 60,000 × 60,000 pixels."""
    path = saved(folder / "a.bmp", RGB)
    path.write_bytes(path.read_bytes()[:18] + struct.pack("<ii", 60_000, 60_000) + path.read_bytes()[26:])
    return path


def cut_off(folder):
    path = saved(folder / "a.png", RGB)
    path.write_bytes(path.read_bytes()[:300])
    return path


def text(folder):
    (folder / "a.png").write_text("no image at all")
    return folder / "a.png"


def missing(folder):
    return folder / "a.png"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (floating, "floating-point pixels have no defined white"),
        (thirty_two_bits, "32-bit pixels have no defined white"),
        (gigantic, "3600000000 pixels"),
        (cut_off, "truncated"),
        (text, "of no format that is known"),
        (missing, "No such file or directory"),
    ],
)
def test_what_cannot_be_read_has_a_reason(tmp_path, make, reason):
    with pytest.raises(Unreadable, match=reason):
        read(make(tmp_path))
