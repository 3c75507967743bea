"""Invertible n×n convolutions for normalizing flows, in TensorFlow."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # TensorFlow is imported by those who need it
    from flowconv.models import Flow

__version__ = "0.1.0"
__all__ = ["load"]


def load(workdir: str | os.PathLike, data_dir: str | os.PathLike | None = None) -> "Flow":
    """Returns the flow of a run, with the weights that were best on its validation split (raw or averaged).

    Args:
      workdir: the run's folder.
      data_dir: where the run's data are now, to have them compared with those it was trained on: what has changed is
        said on stderr (default: no data are read).

    Raises:
      flowconv.errors.UserError: if there is no run, or no checkpoint in it that can be read, or no data in `data_dir`.
    """
    from flowconv.inference.load import load_run

    run = load_run(workdir, data_dir)
    if data_dir is not None:
        run.images()
    return run.flow
