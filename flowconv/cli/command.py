"""A command: flags, what it does with them, and errors in one line. Nothing here imports TensorFlow."""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from absl import flags as absl_flags

from flowconv import launchers, process
from flowconv.cli import config_flags, ending
from flowconv.cli.flags import Flag
from flowconv.cli.help_page import help_page
from flowconv.config import settings, validate
from flowconv.errors import Interrupted, UserError, WorkersLost, explained
from flowconv.files import room_needed, said_of
from flowconv.signals import stop_signals
from flowconv.words import nearest

HELP = ("--help", "-h", "-help", "--helpfull", "--helpshort")


@dataclass(frozen=True)
class Command:
    """A program, as its file's `main`.

    Attributes:
      act: the work, called with the flags' values by their names (`given.count`), and a valid config if it takes one.
        It imports TensorFlow, the command's file does not.
      description: shown by --help above the flags.
      flags: its own.
      takes_config: whether it has --config, and with it an override for each field. Then `given.config` has the names.
      takes_ranks: whether horovodrun may start it as several processes, which share the work. Those of another command
        would all do the same, and write the same files.
      precision: of flags' values, that of `process.prepare`; with a config, it is the config's.
    """

    act: Callable[..., None]
    description: str
    flags: Sequence[Flag] = ()
    takes_config: bool = False
    takes_ranks: bool = False
    precision: Callable[[SimpleNamespace], str | None] = lambda given: "float32"

    def __call__(self) -> None:
        """Parses sys.argv and acts; ends the process with its status.

        A UserError ends in its one line on stderr (of the first rank alone) and exit status 2, as does a flag
        that can't be parsed; an Interrupted with status 128 + its signal, a WorkersLost with status 1.
        """
        process.forgive_output()
        with stop_signals:  # before TensorFlow is imported, which takes seconds
            stop_signals.insist(lambda interruption: ending.leave(str(interruption), 128 + interruption.signal))
            try:
                self._run()
                stop_signals.ignore()
            except UserError as error:
                ending.fail(str(error))
            except Interrupted as interruption:
                ending.end(str(interruption), 128 + interruption.signal)
            except WorkersLost as error:
                ending.end(f"error: {error}", 1)

    def _run(self):
        values = self.parse([argument for argument in sys.argv[1:] if argument not in HELP])
        configs = [config_flags.config_of(values)] if self.takes_config else []
        if set(HELP) & set(sys.argv):
            print(help_page(self.description, self.own_flags, *configs))
            sys.exit(0)
        if not self.takes_ranks and (several := launchers.several()):
            name, number = several
            right = f"start it without horovodrun (or unset {name} if this is the only one)"
            raise UserError(f"{name}={number}: {self.act.__name__} takes one process: {right}")
        for config in configs:
            validate(config)  # as flags are, before TensorFlow is imported
        given = SimpleNamespace(**{name: value for name, value in values.items() if "." not in name})
        try:
            with room_needed():
                process.prepare(configs[0].model.precision if configs else self.precision(given))
                self.act(given, *configs)
        except ModuleNotFoundError as error:
            raise explained(error) from error
        except UserError as error:
            raise error if configs else UserError(self.in_own_flags(str(error))) from error
        except Exception as error:
            if not isinstance(error, MemoryError) and type(error).__name__ != "ResourceExhaustedError":  # TensorFlow's
                raise
            fewer = " or ".join(f"--{flag.name}" for flag in self.flags if flag.name in ("batch_size", "count"))
            cure = f"give a lower {fewer}" if fewer else "use a machine with more of it"
            raise UserError(f"memory is exhausted ({said_of(error)}): {cure}") from error

    @property
    def own_flags(self) -> list[Flag]:
        """The flags, --config first if it takes one; those of its fields aside."""
        return [*([config_flags.CONFIG] if self.takes_config else []), *self.flags]

    def parse(self, arguments: Sequence[str]) -> Mapping[str, Any]:
        """Returns the values of all flags.

        Raises:
          UserError: for an unknown flag or a wrong value.
        """
        values = absl_flags.FlagValues()
        for flag in [*self.own_flags, *(config_flags.fields() if self.takes_config else [])]:
            flag.define(values)
        try:
            rest = values(["", *arguments])
        except absl_flags.UnrecognizedFlagError as error:
            raise UserError(f"{error.flagvalue}: {self._unknown(error.flagname)}") from error
        except absl_flags.IllegalFlagValueError as error:
            raise UserError(str(error).removeprefix("flag ")) from error
        except absl_flags.CantOpenFlagFileError as error:
            raise UserError(f"--flagfile can't be read: {error.__context__}") from error
        except (OSError, ValueError) as error:  # of its content, which is read without a handler; flags' are the above
            raise UserError(f"--flagfile can't be read: {error}") from error
        except absl_flags.Error as error:
            raise UserError(str(error)) from error
        if rest[1:]:
            right = "flags start with -- and take their value after an =, several values with commas between them"
            raise UserError(f"{rest[1]}: {right}")
        absl_flags.FLAGS([""])  # those of absl's own logging, which would say that nobody has
        return values.flag_values_dict()

    def in_own_flags(self, line: str) -> str:
        """Returns a line about fields of a config, of which this command takes none, in terms of its own flags."""
        flags = {flag.field: flag.name for flag in self.flags if flag.field}

        def own(match):
            return f"--{flags[match[1]]}" if match[1] in flags else f"the run's {match[1]}"

        return re.sub(r"--config\.([a-z_0-9]+(?:\.[a-z_0-9]+)?)", own, line)

    def _unknown(self, name):
        """The line about a flag that the command hasn't."""
        own = [flag.name for flag in self.own_flags]
        if self.takes_config and name.startswith("config."):
            near = nearest(name.removeprefix("config."), settings())
            return f"there is no such field{near}"
        fields = [f"config.{field}" for field in settings()] if self.takes_config else []
        near = nearest(name, own + fields, prefix="--")
        there_are = ", ".join(f"--{flag}" for flag in own)
        return f"there is no such flag{near}" if near else f"there is no such flag; there are {there_are}"
