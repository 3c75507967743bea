"""Pictures of a flow, and any picture as a PNG file that says what it is."""

import io
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf
from PIL.PngImagePlugin import PngInfo

from flowconv import __version__
from flowconv.core.no_image import no_image
from flowconv.data.batches import Examples, first_of
from flowconv.data.crop import image_of
from flowconv.evaluation.sheets import LEAST_SIDE, Sheet, about_square, of_grey, sheet_of_rows
from flowconv.files import write_bytes
from flowconv.models import Flow
from flowconv.words import counted, printable

if TYPE_CHECKING:  # imported by who draws one
    from matplotlib.figure import Figure


def save(path: Path, image: np.ndarray, facts: Mapping[str, object] | None = None, least_side: int = 256) -> None:
    """Writes a uint8 image `[H, W, C]` as PNG, enlarged by a whole factor until both sides have `least_side` pixels.

    Args:
      path: the file.
      image: what it shows.
      facts: what it says of itself, by keywords: viewers and `PIL.Image.open(path).text` show it.
      least_side: pixels of the shorter side, at least.

    Raises:
      UserError: if it can't be written.
    """
    factor = max(1, math.ceil(least_side / min(image.shape[:2])))
    known = PngInfo()
    for name, value in _told(facts).items():
        known.add_text(name, value)
    file = io.BytesIO()
    image_of(image.repeat(factor, axis=0).repeat(factor, axis=1)).save(file, "png", pnginfo=known)
    write_bytes(path, file.getvalue())


def save_sheet(path: Path, sheet: Sheet, facts: Mapping[str, object], least_side: int = LEAST_SIDE) -> None:
    """Writes a sheet as PNG, with its words; arguments as of `save`, but `least_side` is that of each image.

    Raises:
      UserError: if it can't be written.
    """
    save(path, sheet.drawn(least_side), {**sheet.facts(least_side), **facts}, least_side=1)


def save_figure(path: Path, figure: "Figure", dpi: int, facts: Mapping[str, object] | None = None) -> None:
    """Writes a figure as PNG; facts as of `save`.

    Raises:
      UserError: if it can't be written.
    """
    file = io.BytesIO()
    figure.savefig(file, dpi=dpi, bbox_inches="tight", format="png", metadata=_told(facts))
    write_bytes(path, file.getvalue())


def _told(facts):
    told = {"Software": f"flowconv {__version__}", **(facts or {})}
    return {name: printable(str(value)) for name, value in told.items() if value not in ("", None)}


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


def sample_sheet(
    flow: Flow, n: int, temperature: float, seed: int, examples: Examples, class_names: Sequence[str] = ()
) -> Sheet:
    """Returns about n samples at one temperature; at 0, where they are all the same, one of each condition.

    Of a flow of images given their class, each class has a row, or one image; of another conditional one, each sample
    has the condition of one of the examples.
    """
    if classes := flow.condition.classes:
        condition, columns = class_rows(classes, n, temperature)
        n = len(condition)
    else:
        n = 1 if temperature == 0.0 and not flow.is_conditional else n
        given = {name: np.resize(array, (n, *array.shape[1:])) for name, array in first_of(examples, n).items()}
        condition = flow.condition_of(given)
    images = shown(flow, flow.sample(n, temperature, seed, condition))
    title = sample_title(n, temperature, seed)
    if not classes:
        return Sheet(images, about_square(n), title)
    return sheet_of_rows(images, columns, title, [*class_names, *map(str, range(len(class_names), classes))])


def sample_title(count: int, temperature: float, seed: int, how: Mapping[str, str] = MappingProxyType({})) -> str:
    """Returns the title of a sheet of samples; `how` is what else they were drawn with, as {"guidance": "2"}."""
    parts = [f"{counted(count, 'sample')} at temperature {temperature:g}", *([f"seed {seed}"] if temperature else [])]
    return ", ".join([*parts, *(f"{name} {value}" for name, value in how.items())])


def class_rows(classes: int, n: int, temperature: float = 1.0) -> tuple[np.ndarray, int]:
    """Returns labels, int32, of about n images in a grid with a row a class, and the number of its columns."""
    columns = max(1, round(n / classes)) if temperature else 1
    return np.repeat(np.arange(classes, dtype=np.int32), columns), columns


def reconstruct(flow: Flow, examples: Examples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the images of examples, what comes back of them from their latents, and the error in pixel levels.

    Returns:
      Images and reconstructions, uint8, and the largest error of each pixel's channels, `[N, H, W, 1]`, NaN of images
      that aren't finite.
    """
    x, condition = flow.dequantize_midpoint(examples["image"]), flow.condition_of(examples)
    back = flow.decode(flow.encode(x, condition), condition)
    error = np.abs(back.numpy() - x.numpy()).max(axis=-1, keepdims=True) * 2.0**flow.n_bits
    error[~finite_images(back)] = np.nan
    return flow.to_images(x).numpy(), shown(flow, back), error


def reconstruction_sheet(
    originals: np.ndarray, back: np.ndarray, error: np.ndarray, magnify: float | None = None, columns: int = 8
) -> Sheet:
    """Returns images in a row, what came back of them in the next, and the error in a third, from black to white.

    Args:
      originals, back, error: as `reconstruct` returns them.
      magnify: the error is shown so many times as large; by default the largest is white.
      columns: images a row; those beyond have rows of their own.
    """
    columns = min(columns, len(originals))
    known = np.isfinite(error)
    largest = float(error.max(where=known, initial=0.0))
    magnify = magnify or magnification(error)
    shown_error = of_grey(np.clip(np.where(known, error, 0.0) * magnify, 0, 255).astype(np.uint8), originals.shape[-1])
    images = np.where(known.all(axis=(1, 2, 3), keepdims=True), shown_error, no_image(*originals.shape[1:]))
    blocks = math.ceil(len(originals) / columns)
    three = np.stack([_filled(each, blocks * columns) for each in (originals, back, images)])
    three = three.reshape(3, blocks, columns, *originals.shape[1:]).swapaxes(0, 1)
    white = 255.0 / magnify
    ends = ("no error", f"{'at least ' if largest > white * (1 + 1e-6) else ''}{white:.2g} of a pixel level")
    rows = ["original", "reconstruction", "error"] * blocks
    return Sheet(three.reshape(-1, *originals.shape[1:]), columns, "Through the latents and back", rows, bar=ends)


def magnification(error: np.ndarray) -> float:
    """Returns how many times as large the largest finite error is shown."""
    return 255 / max(float(error.max(where=np.isfinite(error), initial=0.0)), 1e-9)


def _filled(images, count):
    """So many images, white ones behind those that there are."""
    white = np.full((count - len(images), *images.shape[1:]), 255, np.uint8)
    return np.concatenate([images, white])
