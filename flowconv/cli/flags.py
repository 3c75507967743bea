"""Flags of the commands, by kinds of values: a wrong one is refused with what would be right."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from absl import flags as absl_flags

from flowconv.errors import UserError
from flowconv.paths import given_path
from flowconv.words import nearest

SEEDS = (0, 2**31 - 1)


class Parser(absl_flags.ArgumentParser):
    """Parses a flag's text.

    Args:
      convert: from text to value; raises ValueError.
      right: what a value must be, for the error: "a whole number".
      words: the values, if these are known words; --help shows them.
    """

    def __init__(self, convert: Callable[[str], Any], right: str, words: Sequence[str] = ()):
        self.convert, self.right, self.words = convert, right, tuple(words)
        self.shown = "|".join(words) or "…"

    def parse(self, argument: Any) -> Any:
        """Returns the value; a default that is one already stays."""
        if not isinstance(argument, str):
            return argument
        try:
            return self.convert(argument)
        except ValueError as error:
            raise ValueError(f"must be {self.right}{error if isinstance(error, Hint) else ''}") from error


class Hint(ValueError):
    """A wrong value; its text is a hint at the right one, after a space."""


@dataclass(frozen=True)
class Flag:
    """A flag of a command.

    Attributes:
      name: without dashes.
      default: its value if it isn't given.
      explanation: for --help.
      parser: of its value.
      field: the field of a run's config that it is given in place of, as "data.dir"; errors about it name the flag.
      repeated: whether it may be given several times; its value is a list then.
    """

    name: str
    default: Any
    explanation: str
    parser: Parser
    field: str = ""
    repeated: bool = False

    @property
    def boolean(self) -> bool:
        """Whether --name and --noname stand for true and false."""
        return isinstance(self.parser, _BooleanParser)

    def define(self, into: absl_flags.FlagValues) -> None:
        """Has `into` parse the flag."""
        if self.boolean:
            absl_flags.DEFINE_boolean(self.name, self.default, self.explanation, flag_values=into)
            into[self.name].parser = self.parser
        elif self.repeated:
            absl_flags.DEFINE_multi_string(self.name, self.default, self.explanation, flag_values=into)
        else:
            absl_flags.DEFINE(self.parser, self.name, self.default, self.explanation, flag_values=into)


class _BooleanParser(Parser):
    def __init__(self):
        super().__init__(absl_flags.BooleanParser().parse, "true or false")


def boolean(name: str, default: bool | None, explanation: str) -> Flag:
    """Returns a flag that is true or false: --name, --noname, --name=true."""
    return Flag(name, default, explanation, _BooleanParser())


def text(name: str, default: str | None, explanation: str) -> Flag:
    """Returns a flag that takes any text."""
    return Flag(name, default, explanation, Parser(str, "text"))


def path(name: str, default: str | None, explanation: str) -> Flag:
    """Returns a flag that takes a path, as `given_path` does."""
    return Flag(name, default, explanation, Parser(lambda given: str(given_path(f"--{name}", given)), "a path"))


def whole(
    name: str, default: int | None, explanation: str, lowest: int | None = None, highest: int | None = None
) -> Flag:
    """Returns a flag that takes a whole number, in whatever spelling: 1000, 1_000, 1e3."""
    return Flag(name, default, explanation, _number(to_whole, "a whole number", lowest, highest))


def number(name: str, default: float | None, explanation: str, lowest: float | None = None) -> Flag:
    """Returns a flag that takes a finite number."""
    return Flag(name, default, explanation, _number(float, "a number", lowest, None))


def numbers(
    name: str, default: Sequence[float], explanation: str, lowest: float | None = None, kind: type = float
) -> Flag:
    """Returns a flag that takes one or more numbers (whole ones with `kind` int), with commas between them."""
    one = _number(to_whole if kind is int else float, "whole numbers" if kind is int else "numbers", lowest, None)
    parser = Parser(lambda given: tuple(map(one.convert, given.split(","))), f"{one.right}, with commas between them")
    return Flag(name, tuple(default), explanation, parser)


def choice(name: str, default: str | None, explanation: str, choices: Sequence[str]) -> Flag:
    """Returns a flag that takes one of several words."""
    right = f"one of {', '.join(choices)}"
    return Flag(name, default, explanation, Parser(lambda given: _known(given, choices), right, choices))


def several(name: str, default: Sequence[str], explanation: str, choices: Sequence[str]) -> Flag:
    """Returns a flag that takes one or more of several words, with commas between them."""

    def convert(given):
        return tuple(dict.fromkeys(_known(word, choices) for word in given.split(",")))

    return Flag(name, tuple(default), explanation, Parser(convert, f"one or more of {','.join(choices)}"))


def words(name: str, default: Sequence[str], explanation: str) -> Flag:
    """Returns a flag that takes one or more texts, with commas between them."""

    def convert(given):
        if not all(given.split(",")):
            raise ValueError(given)
        return tuple(given.split(","))

    return Flag(name, tuple(default), explanation, Parser(convert, "one or more words, with commas between them"))


def refuse_unused(given: SimpleNamespace, flags: Sequence[Flag], names: Sequence[str], why: str) -> None:
    """Refuses flags of these names that have other values than their defaults, and no effect.

    Args:
      given: the values of all flags.
      flags: of the command.
      names: of the flags that have no effect.
      why: the end of the line.

    Raises:
      UserError: naming the first one.
    """
    for flag in flags:
        if flag.name in names and (value := getattr(given, flag.name)) != flag.default:
            raise UserError(f"--{flag.name}={value}: {why}")


def to_whole(given: str) -> int:
    """Returns the whole number that a text names, in whatever spelling.

    Raises:
      ValueError: if it names none.
    """
    try:
        return int(given)
    except ValueError:
        value = float(given)
        if not value.is_integer():
            raise
        return int(value)


def shown(value: Any) -> str:
    """Returns a flag's value as --help shows it."""
    if isinstance(value, tuple):
        return ", ".join(map(shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _number(convert, right, lowest, highest):
    """A parser of a number within these limits; None is no limit."""
    if highest is not None:
        right += f" from {lowest} to {highest}"
    elif lowest is not None:
        right += f" of at least {lowest:g}"

    def bounded(given):
        value = convert(given)
        if not (-math.inf if lowest is None else lowest) <= value <= (math.inf if highest is None else highest):
            raise ValueError(given)
        if abs(value) >= 2**63 if isinstance(value, int) else not math.isfinite(value):
            raise ValueError(given)
        return value

    return Parser(bounded, right)


def _known(given, choices):
    if given not in choices:
        raise Hint(nearest(given, choices))
    return given
