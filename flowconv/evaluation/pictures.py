"""Grids of images as PNG files."""

import io
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from flowconv.data.batches import Examples, first_of
from flowconv.data.crop import image_of
from flowconv.files import write_bytes
from flowconv.models import Flow

if TYPE_CHECKING:  # imported by who draws one
    from matplotlib.figure import Figure


def grid(images: np.ndarray, columns: int | None = None, border: int = 2) -> np.ndarray:
    """Returns uint8 images `[N, H, W, C]` side by side on white: one uint8 image `[H', W', C]`.

    Args:
      images: what to show, row by row.
      columns: images a row; by default the grid is about square.
      border: pixels between images.
    """
    n, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    sheet = np.full((rows * (height + border) + border, columns * (width + border) + border, channels), 255, np.uint8)
    for number, image in enumerate(images):
        top = border + (number // columns) * (height + border)
        left = border + (number % columns) * (width + border)
        sheet[top : top + height, left : left + width] = image
    return sheet


def save(path: Path, image: np.ndarray, least_side: int = 256) -> None:
    """Writes a uint8 image `[H, W, C]` as PNG, enlarged by a whole factor until both sides have `least_side` pixels.

    Raises:
      UserError: if it can't be written.
    """
    factor = max(1, math.ceil(least_side / min(image.shape[:2])))
    file = io.BytesIO()
    image_of(image.repeat(factor, axis=0).repeat(factor, axis=1)).save(file, "png")
    write_bytes(path, file.getvalue())


def save_figure(path: Path, figure: "Figure", dpi: int) -> None:
    """Writes a figure as PNG.

    Raises:
      UserError: if it can't be written.
    """
    file = io.BytesIO()
    figure.savefig(file, dpi=dpi, bbox_inches="tight", format="png")
    write_bytes(path, file.getvalue())


def shown(flow: Flow, x: tf.Tensor) -> np.ndarray:
    """Returns uint8 images of x `[B, H, W, C]`, and says on stderr how many are drawn as none since they aren't finite.

    A flow whose inverse overflows gives such images: the latents are farther from its data than its numbers reach.
    """
    images, finite = flow.to_images(x).numpy(), finite_images(x)
    warn_of(int(np.sum(~finite)), len(finite))
    return images


def finite_images(x: tf.Tensor) -> np.ndarray:
    """Returns which of the images x `[B, H, W, C]` are finite in all their numbers, `[B]`."""
    return np.isfinite(x).all(axis=(1, 2, 3))


def warn_of(count: int, total: int) -> None:
    """Says on stderr that so many of the images aren't finite, if any."""
    if count:
        print(
            f"warning: {count:,} of {total:,} images aren't finite: drawn as checkerboards", file=sys.stderr, flush=True
        )


def sample_grid(flow: Flow, n: int, temperature: float, seed: int, examples: Examples) -> np.ndarray:
    """Returns a grid of about n samples at one temperature, uint8.

    Of a flow of images given their class, each class has a row; of another conditional one, each sample has the
    condition of one of the examples.
    """
    classes = flow.condition.classes
    if classes:
        labels, columns = class_rows(classes, n)
        return grid(shown(flow, flow.sample(len(labels), temperature, seed, labels)), columns)
    given = {name: np.resize(array, (n, *array.shape[1:])) for name, array in first_of(examples, n).items()}
    return grid(shown(flow, flow.sample(n, temperature, seed, flow.condition_of(given))))


def class_rows(classes: int, n: int) -> tuple[np.ndarray, int]:
    """Returns labels, int32, of about n images in a grid with a row a class, and the number of its columns."""
    columns = max(1, round(n / classes))
    return np.repeat(np.arange(classes, dtype=np.int32), columns), columns


def reconstruction_grid(flow: Flow, examples: Examples) -> np.ndarray:
    """Returns the images of examples in rows of pairs: an original, then its reconstruction."""
    x, condition = flow.dequantize_midpoint(examples["image"]), flow.condition_of(examples)
    back = flow.decode(flow.encode(x, condition), condition)
    pairs = np.stack([flow.to_images(x), shown(flow, back)], axis=1)
    return grid(pairs.reshape(-1, *x.shape[1:]), columns=8)
