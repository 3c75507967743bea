"""Typefaces that come with matplotlib."""

from pathlib import Path

import matplotlib


def typeface(name: str) -> Path:
    """Returns the file of a typeface, as "DejaVuSans"; distributions of matplotlib may leave it out."""
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"
