"""Parameterizations of the 1×1 convolution's matrix, one a file: `model.parameterization=plu` is plu.py.

A file put here is a variant at once. It holds one public `SquareMatrix`.
"""

import sys
from typing import Any

from flowconv.bijectors.square_matrix import SquareMatrix
from flowconv.core.parts import build_part, names_in

MATRICES = names_in(sys.modules[__name__])


def build_matrix(parameterization: str, **kwargs: Any) -> SquareMatrix:
    """Returns the matrix of this parameterization.

    Raises:
      ValueError: if there is no such one.
    """
    return build_part(sys.modules[__name__], parameterization, SquareMatrix, "parameterization", {}, **kwargs)
