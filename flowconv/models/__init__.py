"""How bijectors are put together, and the flow as a density."""

from flowconv.models.factory import MODELS, build_flow
from flowconv.models.flow import Flow
from flowconv.models.glow import glow
from flowconv.models.nice import nice
from flowconv.models.realnvp import realnvp

__all__ = ["MODELS", "Flow", "build_flow", "glow", "nice", "realnvp"]
