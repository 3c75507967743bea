"""Invertible n×n convolutions for normalizing flows, in TensorFlow."""

import os

__version__ = "0.1.0"
__all__ = ["load"]


def load(workdir: str | os.PathLike) -> "flowconv.models.Flow":  # noqa: F821, TensorFlow is imported by those who need it
    """Returns the flow of a run, with the weights that were best on its validation split (raw or averaged).

    Args:
      workdir: the run's folder.

    Raises:
      flowconv.errors.UserError: if there is no run, or no checkpoint in it that can be read.
    """
    from flowconv.applications.loading import load_run

    return load_run(workdir).flow
