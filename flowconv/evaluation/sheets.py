"""Images in rows and columns, with the words that say what they are."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from flowconv.core.no_image import opaque
from flowconv.words import printable

LEAST_SIDE = 72  # pixels of an image's shorter side: room for a word above or below it
BORDER = 2
MARGIN = 8
SIZE, TITLE_SIZE = 13, 16  # of the letters
WIDEST = 180  # pixels of a row's label
BAR_HEIGHT, BAR_WIDTH = 12, 260
INK = 40  # the grey of letters


@dataclass(frozen=True)
class Sheet:
    """Images in rows and columns, and the words around them; of all but the images there may be none.

    Attributes:
      images: uint8 `[N, H, W, C]`, row by row.
      columns: images a row.
      title: above all.
      rows: left of each row.
      headings: above each column.
      captions: below each image; lines between line feeds.
      bar: what black and white mean, at both ends of a colour bar below all.
    """

    images: np.ndarray
    columns: int
    title: str = ""
    rows: Sequence[str] = ()
    headings: Sequence[str] = ()
    captions: Sequence[str] = ()
    bar: tuple[str, str] | None = None

    @property
    def grid(self) -> np.ndarray:
        """The images alone, side by side on white: one uint8 image `[H', W', C]`."""
        return grid(self.images, self.columns)

    def factor(self, least_side: int = LEAST_SIDE) -> int:
        """Returns by how much images are enlarged, so that their shorter side has so many pixels."""
        return max(1, math.ceil(least_side / min(self.images.shape[1:3])))

    def drawn(self, least_side: int = LEAST_SIDE) -> np.ndarray:
        """Returns the sheet with its words, images enlarged by a whole factor: one uint8 image `[H', W', C]`."""
        factor = self.factor(least_side)
        images = self.images.repeat(factor, axis=1).repeat(factor, axis=2)
        _, height, width, channels = images.shape
        if self.captions:
            lines = max(caption.count("\n") + 1 for caption in self.captions)
            room = lines * _line(SIZE) + MARGIN
            below = [_written(caption, width, room, channels) for caption in self.captions]
            images = np.concatenate([images, np.stack(below)], axis=1)
        # Words that are laid out as images are stand where these do.
        sheet = grid(images, self.columns)
        if any(self.headings):
            above = [_written(words, width, _line(SIZE), channels) for words in self.headings[: self.columns]]
            sheet = _stacked([grid(np.stack(above), self.columns)[:-BORDER], sheet])
        if any(self.rows):
            room = min(WIDEST, max(map(_length, self.rows))) + MARGIN
            beside = [_written(words, room, images.shape[1], channels, middle=height) for words in self.rows]
            labels = grid(np.stack(beside), 1)
            over = np.full((sheet.shape[0] - labels.shape[0], *labels.shape[1:]), 255, np.uint8)
            sheet = np.concatenate([np.concatenate([over, labels]), sheet], axis=1)
        parts = [sheet]
        if self.title:
            long = _length(self.title, TITLE_SIZE)
            parts.insert(0, _written(self.title, long, _line(TITLE_SIZE) + MARGIN // 2, channels, TITLE_SIZE))
        if self.bar:
            parts.append(_colour_bar(*self.bar, channels))
        return np.pad(_stacked(parts), [(MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)], constant_values=255)

    def facts(self, least_side: int = LEAST_SIDE) -> dict[str, str]:
        """Returns what the file of this sheet says of it: the title, and where images lie in it."""
        count, height, width, _ = self.images.shape
        size = f"{math.ceil(count / self.columns)} x {self.columns} images of {height} x {width}"
        return {"Title": self.title, "grid": f"{size}, enlarged {self.factor(least_side)} times"}


def sheet_of_rows(images: np.ndarray, columns: int, title: str, names: Sequence[str]) -> Sheet:
    """Returns images with a name for each row; rows of one image are about a square, with a name below each image."""
    if columns > 1:
        return Sheet(images, columns, title, rows=names)
    return Sheet(images, about_square(len(images)), title, captions=names)


def grid(images: np.ndarray, columns: int | None = None, border: int = BORDER) -> np.ndarray:
    """Returns uint8 images `[N, H, W, C]` side by side on white: one uint8 image `[H', W', C]`.

    Args:
      images: what to show, row by row.
      columns: images a row; by default the grid is about square.
      border: pixels between images.
    """
    n, height, width, channels = images.shape
    columns = columns or about_square(n)
    rows = math.ceil(n / columns)
    sheet = np.full((rows * (height + border) + border, columns * (width + border) + border, channels), 255, np.uint8)
    for number, image in enumerate(images):
        top = border + (number // columns) * (height + border)
        left = border + (number % columns) * (width + border)
        sheet[top : top + height, left : left + width] = image
    return sheet


def about_square(count: int) -> int:
    """Returns the columns of so many images that have about as many rows."""
    return max(1, math.ceil(math.sqrt(count)))


def of_grey(grey: np.ndarray, channels: int) -> np.ndarray:
    """Returns grey images `[…, 1]` with so many channels; where these have transparency, without any."""
    return opaque(np.repeat(grey, channels, axis=-1))


def _stacked(parts):
    """Parts of a sheet below each other, white to the right of the narrower ones."""
    width = max(part.shape[1] for part in parts)
    wide = [np.pad(part, [(0, 0), (0, width - part.shape[1]), (0, 0)], constant_values=255) for part in parts]
    return np.concatenate(wide)


def _written(words, width, height, channels, size=SIZE, middle=0):
    """Lines of words on white, `[height, width, channels]`: as much of each as has room, below `middle`'s half."""
    page = Image.new("L", (max(1, width), max(1, height)), 255)
    pen = ImageDraw.Draw(page)
    for number, line in enumerate(words.split("\n")):
        top = max(0, middle - _line(size)) // 2 + number * _line(size)
        pen.text((0, top), _shortened(printable(line), width, size), fill=INK, font=_font(size))
    return of_grey(np.asarray(page)[..., None], channels)


def _colour_bar(black, white, channels):
    """A bar from black to white, with words for both ends below it."""
    width = max(BAR_WIDTH, _length(black) + _length(white) + 4 * MARGIN)
    levels = np.broadcast_to(np.linspace(0, 255, width).astype(np.uint8), (BAR_HEIGHT, width))
    framed = np.pad(levels[1:-1, 1:-1], 1, constant_values=INK)[..., None]
    left = _written(black, width - _length(white), _line(SIZE), channels)
    right = _written(white, _length(white), _line(SIZE), channels)
    bar = _stacked([of_grey(framed, channels), np.concatenate([left, right], axis=1)])
    return np.pad(bar, [(MARGIN, 0), (BORDER, 0), (0, 0)], constant_values=255)


@functools.cache
def _font(size):
    """DejaVu, which matplotlib brings along and which has most alphabets; where it was left out, Pillow's own."""
    from flowconv.utils.typefaces import typeface  # matplotlib takes its time

    path = typeface("DejaVuSans")
    return ImageFont.truetype(str(path), size) if path.is_file() else ImageFont.load_default(size)


def _line(size):
    return round(size * 1.35)


def _length(words, size=SIZE):
    return math.ceil(_font(size).getlength(printable(words)))


def _shortened(words, room, size):
    """The words, or as many letters from both ends of them as there is room for."""
    if _length(words, size) <= room:
        return words
    for kept in range(min(room, len(words) - 1), 0, -1):  # no letter is narrower than a pixel
        shorter = f"{words[: (kept + 1) // 2]}…{words[len(words) - kept // 2 :]}"
        if _length(shorter, size) <= room:
            return shorter
    return ""
