"""Families of flows, one a file, and the flow as a density.

A file put here is a value of `model.name` at once. It defines a function of its own name.
"""

import functools
from collections.abc import Callable

from flowconv.config.parts import MODELS
from flowconv.models.flow import Flow
from flowconv.models.from_config import Parts, build_flow, build_model
from flowconv.models.standard_logistic import StandardLogistic
from flowconv.models.standard_normal import StandardNormal


def _family(name: str) -> Callable[..., Flow]:
    """Returns `build_model` of a family.

    Its module is imported now: Python puts a module in the place of this package's name when it is imported first.
    """
    MODELS.load(name)
    return functools.partial(build_model, name)


flowpp = _family("flowpp")
glow = _family("glow")
iaf = _family("iaf")
jet = _family("jet")
maf = _family("maf")
nice = _family("nice")
nice_original = _family("nice_original")
realnvp = _family("realnvp")
realnvp_original = _family("realnvp_original")
residual = _family("residual")
tarflow = _family("tarflow")

__all__ = [
    "Flow",
    "Parts",
    "StandardLogistic",
    "StandardNormal",
    "build_flow",
    "build_model",
    "flowpp",
    "glow",
    "iaf",
    "jet",
    "maf",
    "nice",
    "nice_original",
    "realnvp",
    "realnvp_original",
    "residual",
    "tarflow",
]
