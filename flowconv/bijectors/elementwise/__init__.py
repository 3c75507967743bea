"""Transforms of a number with parameters of its own, one a file: `model.coupling=affine` is the class in affine.py.

A file put here is a variant at once. It holds one public `Transform`; its constructor's keywords are its settings.
"""

from collections.abc import Mapping
from typing import Any

from flowconv.bijectors.transform import Transform
from flowconv.config.parts import TRANSFORMS

__all__ = ["TRANSFORMS", "build_transform"]


def build_transform(name: str, fields: Mapping[str, Any]) -> Transform:
    """Returns the transform of this name, given those of `fields` that it uses.

    Raises:
      ValueError: if there is no such one, or a field that no part has.

    Example:
      >>> from flowconv.bijectors import build_transform
      >>> build_transform("affine", {"scale_floor": 0.1}).scale_floor
      0.1
    """
    return TRANSFORMS.make(name, fields)
