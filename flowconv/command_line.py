"""What train.py and the scripts share: flags, and errors in one line. Nothing here imports TensorFlow."""

import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping

from absl import flags as absl_flags

from flowconv import configuration, experiment, flags, process
from flowconv.errors import Interrupted, UserError, WorkersLost
from flowconv.files import room_needed
from flowconv.help_page import help_page
from flowconv.signals import SIGNALS, stop_signals
from flowconv.words import printable

EXIT_STATUS = 2  # of a mistake in what the program was given
FIRST_RANK_SECONDS = 5.0  # in which the first rank says what all of them found
HELP = ("--help", "-h", "-help", "--helpfull", "--helpshort")


def run(
    main: Callable,
    description: str,
    with_config: bool = False,
    precision: Callable[[], str | None] = lambda: "float32",
    fields: Mapping[str, str] | None = None,
) -> None:
    """Parses sys.argv and calls main(config), or main() without a config; ends the process with its status.

    A UserError ends in its one line on stderr (of the first rank alone) and exit status 2, as does a flag
    that can't be parsed; an Interrupted with status 128 + its signal, a WorkersLost with status 1.

    Args:
      main: the program; it imports TensorFlow, this module does not.
      description: shown by --help, above the flags.
      with_config: defines --config and with it an override for each of its fields.
      precision: without a config, returns that of `process.prepare`, once flags are parsed.
      fields: without a config, the program's own flags for fields of a run's config, beside data_dir for data.dir.
    """
    process.forgive_output()
    with stop_signals:  # before TensorFlow is imported, which takes seconds
        stop_signals.insist(lambda interruption: leave(str(interruption), 128 + interruption.signal))
        try:
            if with_config:
                experiment.define()
            parse([argument for argument in sys.argv if argument not in HELP])
            configs = [experiment.given()] if with_config else []
            if set(HELP) & set(sys.argv):
                print(help_page(description, *configs))
                sys.exit(0)
            own_flags = {"data.dir": "data_dir"} | dict(fields or {}) if not with_config else None
            with _in_own_flags(own_flags), room_needed():
                process.prepare(
                    dict(configuration.flatten(*configs)).get("model.precision") if configs else precision()
                )
                main(*configs)
            stop_signals.ignore()
        except UserError as error:
            fail(str(error))
        except Interrupted as interruption:
            end(str(interruption), 128 + interruption.signal)
        except WorkersLost as error:
            end(f"error: {error}", 1)


def fail(message: str) -> None:
    """Prints one line on stderr, on the first rank alone, and ends the process with status 2."""
    end(f"error: {message}", EXIT_STATUS)


def end(message: str, status: int) -> None:
    """Prints one line on stderr and ends the process with this status.

    All ranks find most mistakes at the same time, and the launcher ends the others as soon as one has ended. So a rank
    other than the first waits a while to be ended, and speaks if it isn't: then it alone has something to say.
    """
    stop_signals.ignore()
    if rank_of_environment() > 0:
        for number in SIGNALS:
            signal.signal(number, lambda *_: os._exit(status))
        time.sleep(FIRST_RANK_SECONDS)
    _print(message)
    # Horovod waits at exit for the others, who may be gone.
    process.leave(status) if "horovod" in sys.modules else sys.exit(status)


def leave(message: str, status: int) -> None:
    """Ends the process with this status from any thread, the first rank with one line on stderr."""
    if rank_of_environment() == 0:
        _print(message)
    process.leave(status)


def _print(message):
    print(printable(" ".join(message.split())), file=sys.stderr, flush=True)


def rank_of_environment() -> int:
    """This process' rank as horovodrun or mpirun tell it, 0 without them."""
    for name in ("HOROVOD_RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK"):
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    return 0


def parse(arguments: list[str]) -> None:
    """Parses flags.

    Raises:
      UserError: for an unknown flag or a wrong value.
    """
    try:
        rest = flags.FLAGS(arguments)
    except absl_flags.UnrecognizedFlagError as error:
        raise UserError(f"{error.flagvalue}: {_unknown(error.flagname)}") from error
    except absl_flags.IllegalFlagValueError as error:
        raise UserError(str(error).removeprefix("flag ")) from error
    except absl_flags.CantOpenFlagFileError as error:
        raise UserError(f"--flagfile can't be read: {error.__context__}") from error
    except absl_flags.Error as error:
        raise UserError(str(error)) from error
    if rest[1:]:
        right = "flags start with -- and take their value after an =, several values with commas between them"
        raise UserError(f"{rest[1]}: {right}")


def _unknown(name):
    """The line about a flag that the program hasn't."""
    own, fields = [flag.name for flag in flags.FLAGS.get_flags_for_module(sys.argv[0])], []
    if "config" in flags.FLAGS:
        own, fields = ["config", *own], [f"config.{field}" for field in experiment.FIELDS]
        if name.startswith("config."):
            near = configuration.nearest(name.removeprefix("config."), experiment.FIELDS)
            return f"there is no such field{near}"
    near = configuration.nearest(name, own + fields, prefix="--")
    there_are = ", ".join(f"--{flag}" for flag in own)
    return f"there is no such flag{near}" if near else f"there is no such flag; there are {there_are}"


@contextlib.contextmanager
def _in_own_flags(fields):
    """Has errors about fields of a config name the flags of a program that takes a run instead; None: has none."""

    def own(match):
        return f"--{fields[match[1]]}" if match[1] in fields else f"the run's {match[1]}"

    try:
        yield
    except UserError as error:
        if fields is None:
            raise
        raise UserError(re.sub(r"--config\.([a-z_0-9]+(?:\.[a-z_0-9]+)?)", own, str(error))) from error
