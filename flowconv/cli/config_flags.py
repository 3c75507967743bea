"""--config, and a flag for each of its fields: --config.FIELD=VALUE."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict
from ml_collections.config_flags.tuple_parser import TupleParser

from flowconv.cli import flags
from flowconv.cli.flags import Flag, Parser
from flowconv.config import Setting, changed, config_file, settings

CONVERTERS = {int: flags.to_whole, float: float, str: str, tuple: TupleParser().parse}
CONFIG = Flag(
    "config",
    None,
    f"the experiment: a file, or the name of one of configs/ (default: {config_file.DEFAULT})",
    Parser(str, "a file"),
    repeated=True,  # so that a second one is refused
)


def fields() -> list[Flag]:
    """Returns the flags of all fields, without values: what isn't given stays as the config has it."""
    return [flag_of(setting) for setting in settings().values()]


def config_of(values: Mapping[str, Any]) -> ConfigDict:
    """Returns the config of parsed flags, of which nothing but its type has been checked.

    Raises:
      UserError: for a file that isn't there, or does not return a config.
    """
    given = {flag.removeprefix("config."): value for flag, value in values.items() if flag.startswith("config.")}
    changes = {name: value for name, value in given.items() if value is not None}
    return changed(config_file.named(values["config"]), changes)


def flag_of(setting: Setting) -> Flag:
    """Returns the flag of a setting."""
    name = f"config.{setting.name}"
    if setting.kind is bool:
        return flags.boolean(name, None, "")
    return Flag(name, None, "", Parser(_pair_or_one if setting.pair else CONVERTERS[setting.kind], setting.right))


def _pair_or_one(given):
    """Two whole numbers in parentheses, or one."""
    if given[:1] == "(" and given[-1:] == ")":
        return tuple(map(flags.to_whole, given[1:-1].split(",")))
    return flags.to_whole(given)
