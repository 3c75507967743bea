"""How bijectors are put together, and the flow as a density."""

from flowconv.models.factory import build_flow
from flowconv.models.flow import Flow
from flowconv.models.glow import glow

__all__ = ["Flow", "build_flow", "glow"]
