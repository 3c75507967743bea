"""The convolution of a step of flow, one a file: `model.convolution=emerging` is the class in emerging.py.

A file put here is a variant at once. It holds one public `Bijector` that keeps the shape of images. The keywords of
its constructor, besides `dtype` and `name`, are the fields of `config.model` that it uses: `kernel_size`, `shift`,
`parameterization`.
"""

import importlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowconv.bijectors.bijector import Bijector
from flowconv.configuration import nearest

FIELDS = ("kernel_size", "shift", "parameterization")  # of config.model: a convolution uses some, or none
CONVOLUTIONS = tuple(sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py")))


def convolution_class(name: str) -> type[Bijector]:
    """Returns the class in the file `name` of this folder.

    Raises:
      ValueError: if there is no such file, or not one public bijector in it.
    """
    if name not in CONVOLUTIONS:
        raise ValueError(f"convolution must be one of {', '.join(CONVOLUTIONS)}, got {name!r}")
    module = importlib.import_module(f"{__name__}.{name}")
    own = [
        value
        for key, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, Bijector)
        and value.__module__ == module.__name__
        and not key.startswith("_")
    ]
    if len(own) != 1:
        raise ValueError(f"{module.__file__} must hold one public bijector, and holds {len(own)}")
    return own[0]


def build_convolution(convolution: str, fields: Mapping[str, Any], **kwargs) -> Bijector:
    """Returns the `convolution` of this name, given those of `fields` that it uses, and `kwargs`.

    Raises:
      ValueError: if there is no such convolution, or a field that none uses.
    """
    make = convolution_class(convolution)
    used = inspect.signature(make).parameters
    known = dict.fromkeys((*FIELDS, *(name for name in used if name != "kwargs")))
    for field in fields:
        if field not in known:
            raise ValueError(f"{convolution} has no {field}{nearest(field, known)}")
    return make(**{field: value for field, value in fields.items() if field in used}, **kwargs)
