"""The convolution of a step of flow, one a file: `model.convolution=emerging` is the class in emerging.py.

A file put here is a variant at once. It holds one public `Bijector` that keeps the shape of images. The keywords of
its constructor, besides `dtype` and `name`, are the fields of `config.model` that it uses: `kernel_size`, `shift`,
`parameterization`, or its own.
"""

from collections.abc import Mapping
from typing import Any

from flowconv.bijectors.bijector import Bijector
from flowconv.config.parts import CONVOLUTIONS

__all__ = ["CONVOLUTIONS", "build_convolution"]


def build_convolution(convolution: str, fields: Mapping[str, Any], **kwargs: Any) -> Bijector:
    """Returns the `convolution` of this name, given those of `fields` that it uses, and `kwargs`.

    Raises:
      ValueError: if there is no such convolution, or a field that no part has.

    Example:
      >>> from flowconv.bijectors import build_convolution
      >>> build_convolution("shift", {"shift": "position", "kernel_size": 3}).layers[0].per
      'position'
    """
    return CONVOLUTIONS.make(convolution, fields, **kwargs)
