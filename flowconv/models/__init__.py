"""Families of flows, one a file, and the flow as a density.

A file put here is a value of `model.name` at once. It defines a function of its own name.
"""

import functools

from flowconv.models.flow import Flow
from flowconv.models.from_config import Parts, build_flow, build_model
from flowconv.models.standard_logistic import StandardLogistic
from flowconv.models.standard_normal import StandardNormal

flowpp = functools.partial(build_model, "flowpp")
glow = functools.partial(build_model, "glow")
iaf = functools.partial(build_model, "iaf")
jet = functools.partial(build_model, "jet")
maf = functools.partial(build_model, "maf")
nice = functools.partial(build_model, "nice")
nice_original = functools.partial(build_model, "nice_original")
realnvp = functools.partial(build_model, "realnvp")
realnvp_original = functools.partial(build_model, "realnvp_original")
residual = functools.partial(build_model, "residual")
tarflow = functools.partial(build_model, "tarflow")

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
