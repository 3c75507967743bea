"""Pillow's limits on the size of images, and of what is noted in them."""

import contextlib
import warnings
from collections.abc import Iterator

from PIL import Image, PngImagePlugin

# Pillow's own limits guard a server from strangers' files; these let pass whatever somebody keeps in a folder.
LIMITS = (
    (Image, "MAX_IMAGE_PIXELS", 2**30),  # twice as many are an error: 6 GB in RGB
    (PngImagePlugin, "MAX_TEXT_CHUNK", 2**28),  # bytes, of profiles and of notes, which aren't looked at
    (PngImagePlugin, "MAX_TEXT_MEMORY", 2**28),
)


@contextlib.contextmanager
def wide_limits() -> Iterator[None]:
    """Has Pillow take large images and long notes while a block runs, and not warn of what it can read."""
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
