"""The versions that a result depends on."""

import platform

import keras
import tensorflow as tf

from flowconv import __version__


def versions() -> dict[str, str]:
    """Returns the versions of the libraries that a result depends on, by name."""
    return {
        "flowconv": __version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "python": platform.python_version(),
    }
