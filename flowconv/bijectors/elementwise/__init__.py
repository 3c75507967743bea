"""Transforms of a number with parameters of its own, one a file: `model.coupling=affine` is the class in affine.py.

A file put here is a variant at once. It holds one public `Transform`; its constructor's keywords are its settings.
"""

import sys
from collections.abc import Mapping
from typing import Any

from flowconv.bijectors.transform import Transform
from flowconv.core.parts import build_part, names_in

TRANSFORMS = names_in(sys.modules[__name__])


def build_transform(name: str, fields: Mapping[str, Any]) -> Transform:
    """Returns the transform of this name.

    Raises:
      ValueError: if there is no such one, or a field that it doesn't have.
    """
    return build_part(sys.modules[__name__], name, Transform, "coupling", fields)
