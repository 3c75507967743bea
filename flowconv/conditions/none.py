"""The condition of an unconditional flow."""

from collections.abc import Mapping, Sequence
from typing import Any

from flowconv.core.condition import Condition


class NoCondition(Condition):
    """No condition: p(image).

    Example:
      >>> from flowconv.conditions.none import NoCondition
      >>> NoCondition().of_batch({}) is None
      True
    """

    def of_batch(self, batch: Mapping[str, Any]) -> None:
        return None

    def take(self, condition: Any) -> None:
        if condition is not None:
            kind = type(condition).__name__
            raise ValueError(f"condition: expected none, since the flow is unconditional, got a {kind}")

    def between(self, one: Any, other: Any, weights: Sequence[float]) -> None:
        return None
