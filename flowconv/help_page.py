"""The page that --help prints, as wide as the terminal."""

import re
import shutil
import sys
import textwrap
from pathlib import Path

from ml_collections import ConfigDict

from flowconv import configuration, flags

COLUMN = 34  # where explanations begin
WIDEST = 100


def width() -> int:
    """Returns the columns of the terminal, or 80, and not more than are easily read."""
    return min(shutil.get_terminal_size((80, 24)).columns, WIDEST)


def help_page(description: str, config: ConfigDict | None = None) -> str:
    """Returns the description of a program, its flags, and with a config all its fields and their values."""
    lines = [filled(commands(description.strip())), "", "Flags:"]
    if config is not None:
        lines.append(entry("--config=…", "the experiment: a file, or the name of one of configs/ (default: photos)"))
    for flag in flags.FLAGS.get_flags_for_module(sys.argv[0]):
        if not re.match(r"config\b", flag.name):
            default = "" if flag.default in (None, "") or flag.default is False else flags.shown(flag.default)
            name = f"--[no]{flag.name}" if flag.boolean else f"--{flag.name}={getattr(flag.parser, 'shown', '…')}"
            lines.append(entry(name, f"{flag.help} (default: {default})" if default else flag.help))
    if config is not None:
        lines += ["", *textwrap.wrap("Fields of --config, with its values; --config.FIELD=VALUE sets one:", width())]
        values = dict(configuration.flatten(config))
        for name, why in configuration.explanations().items():
            lines.append(entry(f"{name}={values.get(name, '')}", why))
    return "\n".join(lines)


def entry(name: str, explanation: str, column: int = COLUMN) -> str:
    """Returns a name and its explanation beside it, or below it if the name is long."""
    name = f"  {name}"
    beside = len(name) <= column - 2
    indent = " " * column
    begin = name.ljust(column) if beside else indent
    text = textwrap.fill(explanation, width(), initial_indent=begin, subsequent_indent=indent, break_on_hyphens=False)
    return text if beside and text else f"{name}\n{text}".rstrip()


def filled(text: str) -> str:
    """Returns a docstring with its paragraphs filled; lines that are indented are commands, and end in a backslash."""
    blocks = []
    for block in text.split("\n\n"):
        if block.startswith(" "):
            blocks += ["\n".join(_command(line) for line in block.split("\n"))]
        else:
            blocks += [textwrap.fill(" ".join(block.split()), width(), break_on_hyphens=False, break_long_words=False)]
    return "\n\n".join(blocks)


def commands(text: str) -> str:
    """Returns a docstring with its commands as this program is called: in a wheel, `flowconv train`."""
    if Path(sys.argv[0]).parent.name != "programs":
        return text
    return re.sub(r"python (?:scripts/)?(\w+)\.py", r"flowconv \1", text)


def _command(line):
    """A command, over several lines if it is long."""
    if len(line) <= width() or "#" in line:
        return line
    indent = " " * (len(line) - len(line.lstrip()))
    parts = textwrap.wrap(
        line.strip(),
        width() - 2,
        initial_indent=indent,
        subsequent_indent=indent + "    ",
        break_on_hyphens=False,
        break_long_words=False,
    )
    return " \\\n".join(parts)
