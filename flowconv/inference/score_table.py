"""scores.csv: the scores of images by their paths."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from flowconv.errors import UserError
from flowconv.files import write_text
from flowconv.inference.scoring import Scores

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with which a cell begins that a spreadsheet computes


class ScoreTable:
    """A CSV file of path, bits_per_dim and oddness.

    Args:
      path: the file.
    """

    def __init__(self, path: Path):
        self.path = path

    def check(self, images: Sequence[Path]) -> None:
        """Refuses to replace the scores of other images; to be called before the work.

        Raises:
          UserError: if the file is there and has none of these images.
        """
        if self.path.exists() and not self._paths() & {_cell(image) for image in images}:
            raise UserError(f"--output={self.path.parent}: holds {self.path.name} of other images; name another folder")

    def write(self, images: Sequence[Path], scores: Scores, order: np.ndarray) -> None:
        """Writes the scores of images in an order, whole or not at all.

        Raises:
          UserError: if the file can't be written.
        """
        oddness = [""] * len(images) if scores.oddness is None else [f"{each:.4f}" for each in scores.oddness]
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["path", "bits_per_dim", "oddness"])
        writer.writerows([_cell(images[i]), f"{scores.bits_per_dim[i]:.5f}", oddness[i]] for i in order)
        write_text(self.path, stream.getvalue())

    def _paths(self):
        try:
            with self.path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
                return {row[0] for row in csv.reader(file) if row}
        except (OSError, csv.Error):
            return set()


def _cell(path):
    """A path that is no formula: ./=1+1.png is the same file."""
    text = str(path)
    return f"./{text}" if text.startswith(FORMULA) else text
