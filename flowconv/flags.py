"""Flags of the programs, by kinds of values: a wrong one is refused with what would be right."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from absl import flags as absl_flags

from flowconv import configuration
from flowconv.paths import given_path

absl_flags.disclaim_key_flags()  # flags that are defined here belong to the program that asks for them
FLAGS = absl_flags.FLAGS
SEEDS = (0, 2**31 - 1)


class Parser(absl_flags.ArgumentParser):
    """Parses a flag's text.

    Args:
      convert: from text to value; raises ValueError.
      right: what a value must be, for the error: "a whole number".
      shown: the values in --help: "auto|on|off".
    """

    def __init__(self, convert: Callable[[str], Any], right: str, shown: str = "…"):
        self.convert, self.right, self.shown = convert, right, shown

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


def define(name: str, default: Any, explanation: str, parser: Parser) -> absl_flags.FlagHolder:
    """Defines a flag."""
    return absl_flags.DEFINE(parser, name, default, explanation)


def boolean(name: str, default: bool | None, explanation: str) -> absl_flags.FlagHolder:
    """Defines a flag that is true or false: --name, --noname, --name=true."""
    holder = absl_flags.DEFINE_boolean(name, default, explanation)
    FLAGS[name].parser = Parser(absl_flags.BooleanParser().parse, "true or false")
    return holder


def text(name: str, default: str | None, explanation: str) -> absl_flags.FlagHolder:
    """Defines a flag that takes any text."""
    return define(name, default, explanation, Parser(str, "text"))


def path(name: str, default: str | None, explanation: str) -> absl_flags.FlagHolder:
    """Defines a flag that takes a path, as `given_path` does."""
    return define(name, default, explanation, Parser(lambda given: str(given_path(f"--{name}", given)), "a path"))


def whole(
    name: str, default: int | None, explanation: str, lowest: int | None = None, highest: int | None = None
) -> absl_flags.FlagHolder:
    """Defines a flag that takes a whole number, in whatever spelling: 1000, 1_000, 1e3."""
    return define(name, default, explanation, _number(to_whole, "a whole number", lowest, highest))


def number(name: str, default: float | None, explanation: str, lowest: float | None = None) -> absl_flags.FlagHolder:
    """Defines a flag that takes a finite number."""
    return define(name, default, explanation, _number(float, "a number", lowest, None))


def numbers(name: str, default: Sequence[float], explanation: str, lowest: float | None = None, kind: type = float):
    """Defines a flag that takes one or more numbers (whole ones with `kind` int), with commas between them."""
    one = _number(to_whole if kind is int else float, "whole numbers" if kind is int else "numbers", lowest, None)
    parser = Parser(lambda given: tuple(map(one.convert, given.split(","))), f"{one.right}, with commas between them")
    return define(name, tuple(default), explanation, parser)


def choice(name: str, default: str | None, explanation: str, choices: Sequence[str]) -> absl_flags.FlagHolder:
    """Defines a flag that takes one of several words."""
    right = f"one of {', '.join(choices)}"
    return define(name, default, explanation, Parser(lambda given: _known(given, choices), right, "|".join(choices)))


def several(name: str, default: Sequence[str], explanation: str, choices: Sequence[str]) -> absl_flags.FlagHolder:
    """Defines a flag that takes one or more of several words, with commas between them."""

    def convert(given):
        return tuple(dict.fromkeys(_known(word, choices) for word in given.split(",")))

    return define(name, tuple(default), explanation, Parser(convert, f"one or more of {','.join(choices)}"))


def words(name: str, default: Sequence[str], explanation: str) -> absl_flags.FlagHolder:
    """Defines a flag that takes one or more texts, with commas between them."""

    def convert(given):
        if not all(given.split(",")):
            raise ValueError(given)
        return tuple(given.split(","))

    return define(name, tuple(default), explanation, Parser(convert, "one or more words, with commas between them"))


def images(explanation: str, name: str = "images") -> absl_flags.FlagHolder:
    """Defines a flag that takes image files and folders of them, as `inference.load.read_images` reads them."""
    return text(name, None, f"{explanation}: files or folders, with commas between them")


def workdir() -> absl_flags.FlagHolder:
    """Defines --workdir of the programs that take a finished run."""
    return path("workdir", None, "folder of the run")


def data_dir() -> absl_flags.FlagHolder:
    """Defines --data_dir of the programs that take a run and its data."""
    return path("data_dir", None, "where the data are, if not where the run found them (data.dir)")


def seed(explanation: str) -> absl_flags.FlagHolder:
    """Defines --seed."""
    return whole("seed", 0, explanation, *SEEDS)


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
        if not math.isfinite(value):
            raise ValueError(given)
        return value

    return Parser(bounded, right)


def _known(given, choices):
    if given not in choices:
        raise Hint(configuration.nearest(given, choices))
    return given
