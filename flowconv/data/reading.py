"""One image file, whatever its format."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, PngImagePlugin, UnidentifiedImageError

from flowconv.data.crop import to_mode

# How an image is turned upright, by its EXIF orientation.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Pillow's own limits guard a server from strangers' files; these let pass whatever somebody keeps in a folder.
LIMITS = (
    (Image, "MAX_IMAGE_PIXELS", 2**30),  # twice as many are an error: 6 GB in RGB
    (PngImagePlugin, "MAX_TEXT_CHUNK", 2**28),  # bytes, of profiles and of notes, which aren't looked at
    (PngImagePlugin, "MAX_TEXT_MEMORY", 2**28),
)


class Unreadable(Exception):
    """A file that is no image, or a broken one; its text is the reason."""


def read(path: Path, channels: int = 3) -> Image.Image:
    """The image in a file, turned as its EXIF orientation says, of 8 bits; an animation's first picture.

    Args:
        path: of the file.
        channels: 1 for grey, 3 for RGB, and one more for transparency.


    Raises Unreadable for whatever can't be decoded.
    """
    try:
        with _wide_limits(), Image.open(path) as image:
            image.load()  # some formats turn it themselves, and then have no orientation left
            turn = TURNS.get(_orientation(image))
            image = to_mode(image, channels)
            return image if turn is None else image.transpose(turn)
    except Exception as error:  # Pillow's decoders raise nearly every built-in exception on broken files
        raise Unreadable(_reason(error)) from error


def _orientation(image: Image.Image) -> Any:
    """What stands in the file, from 1 to 8, or anything else; None if it says nothing that can be read.

    It alone is read: `ImageOps.exif_transpose` writes all of EXIF anew, and fails where another field is odd.
    """
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return None


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "of no format that is known"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split())[:200]


@contextlib.contextmanager
def _wide_limits() -> Iterator[None]:
    """Within it, Pillow takes large images and long notes, and does not warn of what it can read."""
    before = [getattr(module, name) for module, name, _ in LIMITS]
    try:
        for module, name, value in LIMITS:
            setattr(module, name, value)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for (module, name, _), value in zip(LIMITS, before, strict=True):
            setattr(module, name, value)
