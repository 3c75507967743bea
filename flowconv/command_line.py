"""What train.py and the scripts share: flags, and errors in one line. Nothing here imports TensorFlow."""

import inspect
import math
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict, config_flags

from flowconv import configuration, process
from flowconv.errors import Interrupted, UserError, WorkersLost

EXIT_STATUS = 2  # of a mistake in what the program was given
HERE = Path(__file__).resolve().parent
CONFIGS = next(iter(filter(Path.is_dir, (HERE / "configs", HERE.parent / "configs"))))  # in a wheel, in a checkout
FIELDS = dict(configuration.flatten(configuration.default_config()))


def run(
    main: Callable, description: str, with_config: bool = False, precision: Callable[[], str | None] = lambda: "float32"
) -> None:
    """Parses sys.argv and calls main(config), or main() without a config; ends the process with its status.

    A UserError ends in its one line on stderr (of the first rank alone) and exit status 2, as does a flag
    that can't be parsed; an Interrupted with status 143 or 130, a WorkersLost with status 1.

    Args:
      main: the program; it imports TensorFlow, this module does not.
      description: shown by --help, above the flags.
      with_config: defines --config and with it an override for each of its fields.
      precision: without a config, returns that of `process.prepare`, once flags are parsed.
    """
    process.forgive_output()
    if any(argument in ("--help", "-h", "-help", "--helpfull") for argument in sys.argv[1:]):
        print(help_text(description, with_config))
        sys.exit(0)
    try:
        arguments = parse_config(sys.argv) if with_config else ()
        parse(sys.argv)
        configs = [value_of(argument) for argument in arguments]
        process.prepare(dict(configuration.flatten(*configs)).get("model.precision") if configs else precision())
        main(*configs)
    except UserError as error:
        fail(str(error))
    except Interrupted as interruption:
        end(str(interruption), 128 + interruption.signal)
    except WorkersLost as error:
        end(f"error: {error}", 1)


def parse_config(arguments: list[str]) -> tuple[flags.FlagHolder[ConfigDict]]:
    """Defines --config, in whose place `arguments` decide already: ml_collections reads sys.argv.

    Raises:
      UserError: for a file that isn't there, or a field that no config has.
    """
    # --config must come before its overrides; users should not have to care.
    arguments[1:] = sorted(arguments[1:], key=lambda argument: not re.match(r"--?config=", argument))
    for number, argument in enumerate(arguments[1:], 1):
        given = re.match(r"--?config=([^:]*)", argument)
        if given and not Path(given[1]).is_file():
            own = {name: path for path in CONFIGS.glob("*.py") for name in (f"configs/{path.name}", path.stem)}
            if given[1] not in own:
                raise UserError(f"{argument}: there is no such file{configuration.nearest(given[1], own)}")
            arguments[number] = f"--config={own[given[1]]}{argument[given.end() :]}"
        override = re.match(r"--?(?:no)?config\.([^=]+)", argument)
        if override and override[1] not in FIELDS:
            raise UserError(f"{argument}: there is no such field{configuration.nearest(override[1], FIELDS)}")
    try:
        return (config_flags.DEFINE_config_file("config", str(CONFIGS / "photos.py"), "the experiment: a file"),)
    except Exception as error:  # whatever a config file does wrong
        raise UserError(f"--config can't be read: {error}") from error


def value_of(argument: flags.FlagHolder[ConfigDict]) -> ConfigDict:
    """Returns the config, of which nothing but its type has been checked.

    Raises:
      UserError: if the file returned something else.
    """
    config = flags.FLAGS[argument.name].value
    if not isinstance(config, ConfigDict):
        raise UserError("--config can't be read: its get_config() must return a ConfigDict, as those of configs/ do")
    return config


def fail(message: str) -> None:
    """Prints one line on stderr, on the first rank alone, and ends the process with status 2."""
    end(f"error: {message}", EXIT_STATUS)


def end(message: str, status: int) -> None:
    """Prints one line on stderr, on the first rank alone, and ends the process with this status."""
    if rank_of_environment() == 0:
        print(" ".join(message.split()), file=sys.stderr, flush=True)
    # Horovod waits at exit for the others, who may be gone.
    process.leave(status) if "horovod" in sys.modules else sys.exit(status)


def rank_of_environment() -> int:
    """This process' rank as horovodrun or mpirun tell it, 0 without them."""
    for name in ("HOROVOD_RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK"):
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    return 0


def parse(arguments: list[str]) -> None:
    """Parses absl flags.

    Raises:
      UserError: for an unknown flag or a value of the wrong type.
    """
    try:
        rest = flags.FLAGS(arguments)
    except flags.IllegalFlagValueError as error:
        override = re.match(r"flag --config\.([^=]+)=(.*?): ", str(error))
        kinds = {bool: "true or false", int: "a whole number", float: "a number", tuple: "numbers in parentheses"}
        if override and override[1] in FIELDS:
            right = kinds.get(type(FIELDS[override[1]]), "text")
            raise UserError(f"--config.{override[1]}={override[2]}: must be {right}") from error
        raise UserError(str(error)) from error
    except flags.Error as error:
        raise UserError(str(error)) from error
    except Exception as error:  # whatever a config file does wrong, which is run here
        raise UserError(f"--config can't be read: {type(error).__name__}: {error}") from error
    if rest[1:]:
        raise UserError(f"{rest[1]}: flags start with -- and take their value after an =")


def numbers(flag: str, given: list[str], lowest: float = -math.inf) -> list[float]:
    """Returns the numbers of a flag that takes several.

    Raises:
      UserError: if one of them isn't a finite number of at least `lowest`, or there is none.
    """
    right = (
        "must be numbers" + (f" of at least {lowest:g}" if lowest > -math.inf else "") + ", with commas between them"
    )
    values = []
    for text in given:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not lowest <= value < math.inf:
            raise UserError(f"--{flag}={text}: {right}")
        values.append(value)
    if not values:
        raise UserError(f"--{flag}=: {right}")
    return values


def help_text(description: str, with_config: bool) -> str:
    """Returns what --help prints: the description, the flags, and with `with_config` all fields of the config."""
    lines = [description.strip(), "", "Flags:"]
    if with_config:
        lines.append("  --config=…  the experiment: a file, or the name of one of configs/ (default: photos)")
    for flag in flags.FLAGS.get_flags_for_module(sys.argv[0]):
        value = ",".join(flag.default) if isinstance(flag.default, list) else flag.default
        default = f" (default: {value})" if value not in (None, "") else ""
        lines.append(f"  --{flag.name}=…  {flag.help}{default}")
    if with_config:
        lines += ["", "Fields of --config, each set by --config.FIELD=VALUE, with the common default:"]
        lines += _documented_fields()
    return "\n".join(lines)


def _documented_fields() -> list[str]:
    """The fields with their comments, read from where they are defined."""
    pattern = re.compile(r"    (?:config\.)?([\w.]+) = (.+?)  # (.*)|    (?:config\.)?([\w.]+) = ([^#]+)$")
    lines = []
    for line in inspect.getsource(configuration.default_config).splitlines():
        match = pattern.fullmatch(line)
        if match:
            name, value, comment = match[1] or match[4], match[2] or match[5], match[3] or ""
            if "ConfigDict()" not in value:
                lines.append(f"  {name + '=' + value:<40}  {comment}".rstrip())
    return lines
