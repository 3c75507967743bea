"""A setting: its name, default, meaning, and the values that it takes."""

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flowconv.config.source import Check
from flowconv.errors import UserError
from flowconv.paths import given_path
from flowconv.words import nearest

# What a value must be, by the type of the default.
KINDS: dict[type, tuple[Any, str]] = {
    bool: (bool, "true or false"),
    int: (int, "a whole number"),
    float: (int | float, "a number"),
    str: (str, "text"),
    tuple: (tuple | list, "numbers in parentheses"),
}


@dataclass(frozen=True)
class Setting:
    """A field of a config.

    Attributes:
      name: with that of its group, as "model.depth".
      default: whose type is the setting's.
      help: a phrase that explains it.
      at_least: the lowest number; None is no limit.
      at_most: the highest one.
      choices: the values it has, if these are words, each with a note in parentheses if it needs one.
      architecture: whether a checkpoint fits only where it agrees.
      pair: whether two different numbers may stand in the place of one, those of rows and of columns.
      path: whether it is a path; "" is the default's place.
      since: the version it came with. What was saved before has the default.
      own_check: that of the part whose setting it is.
    """

    name: str
    default: Any
    help: str
    at_least: float | None = None
    at_most: float | None = None
    choices: Iterable[str] = ()
    architecture: bool = False
    pair: bool = False
    path: bool = False
    since: str = "0.1"
    own_check: Check | None = None

    @property
    def kind(self) -> type:
        """The type of its values."""
        return type(self.default)

    @property
    def names(self) -> tuple[str, ...]:
        """The choices without their notes."""
        return tuple(choice.partition(" (")[0] for choice in self.choices)

    @property
    def explanation(self) -> str:
        """The help with all choices."""
        return f"{self.help}: {', '.join(self.choices)}" if self.names else self.help

    @property
    def range(self) -> str:
        """The limits in words, or nothing."""
        if self.at_most is not None:
            return f"from {self.at_least} to {self.at_most}"
        return "" if self.at_least is None else f"at least {self.at_least}"

    def check(self, value: Any) -> None:
        """Checks a value by itself.

        Raises:
          UserError: if the setting doesn't take it.
        """
        if self.pair and isinstance(value, tuple | list):
            self._check_pair(value)
            return
        if not self._is_of_kind(value):
            raise UserError(f"--config.{self.name}={value!r}: must be {self.right}")
        if self.names and value not in self.names:
            right = f"must be one of {', '.join(self.names)}{nearest(value, self.names)}"
            raise UserError(f"--config.{self.name}={value}: {right}")
        if self.kind is tuple and not (value and all(map(self._is_within, value))):
            raise UserError(f"--config.{self.name}={value}: must be numbers of {self.range}")
        if self.kind is int and value >= 2**63:
            raise UserError(f"--config.{self.name}={value}: must be less than 2^63")
        if self.own_check and not self.own_check.takes(value):
            raise UserError(f"--config.{self.name}={value}: must be {self.own_check.expected}")
        if self.kind in (int, float) and not self._is_within(value):
            raise UserError(f"--config.{self.name}={value}: must be {self.range or 'finite'}")
        if self.path and value:
            given_path(f"--config.{self.name}", value)

    @property
    def right(self) -> str:
        """The kind of its values, in words."""
        right = KINDS[self.kind][1]
        return f"{right}, or (height, width)" if self.pair else right

    def _check_pair(self, value):
        if len(value) != 2 or not all(map(self._is_of_kind, value)):
            raise UserError(f"--config.{self.name}={value}: must be {self.right}")
        if not all(map(self._is_within, value)):
            raise UserError(f"--config.{self.name}={value}: must be {self.range}")
        if value[0] == value[1]:  # one notation for each, since models are told apart by it
            raise UserError(f"--config.{self.name}={value}: must be {value[0]} where both are alike")

    def _is_of_kind(self, value):
        return isinstance(value, KINDS[self.kind][0]) and (self.kind is bool or not isinstance(value, bool))

    def _is_within(self, value):
        """Whether a number is finite and within the limits."""
        low = -math.inf if self.at_least is None else self.at_least
        high = math.inf if self.at_most is None else self.at_most
        return isinstance(value, int | float) and abs(value) <= sys.float_info.max and low <= value <= high
