"""Maps of pixels in [0, 1) to what a flow works on, one a file: `model.preprocessing=logit` is the class in logit.py.

A file put here is a variant at once. It holds one public `Bijector`.
"""

from typing import Any

from flowconv.bijectors.bijector import Bijector
from flowconv.config.parts import PREPROCESSINGS

__all__ = ["PREPROCESSINGS", "build_preprocessing"]


def build_preprocessing(name: str, **kwargs: Any) -> Bijector:
    """Returns the map of this name.

    Raises:
      ValueError: if there is no such one.

    Example:
      >>> from flowconv.bijectors import build_preprocessing
      >>> type(build_preprocessing("logit")).__name__
      'Logit'
    """
    return PREPROCESSINGS.make(name, {}, **kwargs)
