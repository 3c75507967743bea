"""One image file, whatever its format."""

from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, UnidentifiedImageError

from flowconv.data.crop import to_mode
from flowconv.data.limits import wide_limits

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
        with wide_limits(), Image.open(path) as image:
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
