"""The flags of a config's fields."""

from absl import flags as absl_flags
from ml_collections import ConfigDict
from ml_collections.config_flags.tuple_parser import TupleParser

from flowconv import config, flags
from flowconv.config import config_file
from flowconv.config.config_file import find as find
from flowconv.config.config_file import load as load
from flowconv.config.setting import KINDS

FIELDS = {name: setting.default for name, setting in config.settings().items()}
CONVERTERS = {int: flags.to_whole, float: float, str: str, tuple: TupleParser().parse}


def define() -> None:
    """Defines --config, and a flag for each of its fields."""
    absl_flags.DEFINE_multi_string("config", None, "the experiment: a file, or the name of one of configs/")
    for name, default in FIELDS.items():
        if isinstance(default, bool):
            flags.boolean(f"config.{name}", None, "")
        else:
            flags.define(f"config.{name}", None, "", flags.Parser(CONVERTERS[type(default)], KINDS[type(default)][1]))


def given() -> ConfigDict:
    """Returns the config of parsed flags, of which nothing but its type has been checked.

    Raises:
      UserError: for a file that isn't there, or does not return a config.
    """
    values = {name: flags.FLAGS[f"config.{name}"].value for name in FIELDS}
    changes = {name: value for name, value in values.items() if value is not None}
    return config.changed(config_file.named(flags.FLAGS["config"].value), changes)


def default_workdir():
    """Returns the folder of a run whose flags name none: that of the config's own name in runs/."""
    return config_file.default_workdir(flags.FLAGS["config"].value)
