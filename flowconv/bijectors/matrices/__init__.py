"""Parameterizations of the 1×1 convolution's matrix, one a file: `model.parameterization=plu` is plu.py.

A file put here is a variant at once. It holds one public `SquareMatrix`.
"""

from collections.abc import Mapping
from typing import Any

from flowconv.bijectors.square_matrix import SquareMatrix
from flowconv.config.parts import MATRICES

__all__ = ["MATRICES", "build_matrix"]


def build_matrix(parameterization: str | Mapping[str, Any], **kwargs: Any) -> SquareMatrix:
    """Returns the matrix of this parameterization.

    Args:
      parameterization: its name, or with settings of its own {"name": "plu", ...}.
      kwargs: further arguments of its constructor.

    Raises:
      ValueError: if there is no such one, or a setting that no part has.

    Example:
      >>> from flowconv.bijectors import build_matrix
      >>> matrix = build_matrix("plu")
      >>> matrix.build((None, 4, 4, 3))
      >>> matrix.inverse_matrix().shape
      TensorShape([3, 3])
    """
    settings = {"name": parameterization} if isinstance(parameterization, str) else dict(parameterization)
    return MATRICES.make(settings.pop("name"), settings, **kwargs)
