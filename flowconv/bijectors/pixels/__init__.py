"""Maps of pixels in [0, 1) to what a flow works on, one a file: `model.preprocessing=logit` is the class in logit.py.

A file put here is a variant at once. It holds one public `Bijector`.
"""

import sys
from typing import Any

from flowconv.bijectors.bijector import Bijector
from flowconv.core.parts import build_part, names_in

PREPROCESSINGS = names_in(sys.modules[__name__])


def build_preprocessing(name: str, **kwargs: Any) -> Bijector:
    """Returns the map of this name.

    Raises:
      ValueError: if there is no such one.
    """
    return build_part(sys.modules[__name__], name, Bijector, "preprocessing", {}, **kwargs)
