"""Dequantizations, one a file: `model.dequantization=uniform` is the class in uniform.py.

A file put here is a variant at once. It holds one public `Dequantization`.
"""

from typing import Any

from flowconv.config.parts import DEQUANTIZATIONS
from flowconv.core.dequantization import Dequantization

__all__ = ["DEQUANTIZATIONS", "build_dequantization"]


def build_dequantization(name: str, **kwargs: Any) -> Dequantization:
    """Returns the dequantization of this name.

    Raises:
      ValueError: if there is no such one.
    """
    return DEQUANTIZATIONS.make(name, {}, **kwargs)
