"""Dequantizations, one a file: `model.dequantization=uniform` is the class in uniform.py.

A file put here is a variant at once. It holds one public `Dequantization`.
"""

import sys
from typing import Any

from flowconv.core.dequantization import Dequantization
from flowconv.core.parts import build_part, names_in

DEQUANTIZATIONS = names_in(sys.modules[__name__])


def build_dequantization(name: str, **fields: Any) -> Dequantization:
    """Returns the dequantization of this name.

    Raises:
      ValueError: if there is no such one.
    """
    return build_part(sys.modules[__name__], name, Dequantization, "dequantization", fields)
