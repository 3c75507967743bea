"""Invertible n×n convolutions for normalizing flows, in TensorFlow."""

import importlib
import os
from typing import TYPE_CHECKING, Any

from flowconv.errors import explained

if TYPE_CHECKING:
    from flowconv import bijectors, models, testing
    from flowconv.models import Flow, build_flow

__version__ = "0.1.0"
__all__ = ["Flow", "bijectors", "build_flow", "load", "models", "testing"]


def __getattr__(name: str) -> Any:
    """Imports a public name when it is used: TensorFlow takes seconds, and `--help` needs none of it."""
    if name in __all__:
        of_models = name in ("Flow", "build_flow")
        module = _imported("flowconv.models" if of_models else f"flowconv.{name}")
        return getattr(module, name) if of_models else module
    raise AttributeError(f"module 'flowconv' has no attribute {name!r}")


def _imported(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise explained(error) from error


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load(workdir: str | os.PathLike, data_dir: str | os.PathLike | None = None) -> "Flow":
    """Returns the flow of a run, with the weights that were best on its validation split (raw or averaged).

    Args:
      workdir: the run's folder, or the name of a trained flow that comes with the package.
      data_dir: where the run's data are now, to have them compared with those it was trained on: what has changed is
        said on stderr (default: no data are read).

    Raises:
      flowconv.errors.UserError: if there is no TensorFlow, no run, no checkpoint in it that can be read, or no data in
        `data_dir`.

    Example:
      >>> import flowconv
      >>> flow = flowconv.load("letters")
      >>> tuple(flow.image_shape)
      (16, 16, 1)
    """
    from flowconv.workdir import pretrained

    run = _imported("flowconv.inference.load").load_run(pretrained.found(workdir), data_dir)
    if data_dir is not None:
        run.images()
    return run.flow
