"""The page that --help prints, as wide as the terminal."""

import re
import shutil
import sys
import textwrap
from collections.abc import Sequence

from ml_collections import ConfigDict

from flowconv.cli.flags import Flag, shown
from flowconv.config import flatten, settings

COLUMN = 34  # where explanations begin
WIDEST = 100
CALLED = "flowconv "  # begins what stands for a program's file where the command `flowconv` was called


def width() -> int:
    """Returns the columns of the terminal, or 80, and not more than are easily read."""
    return min(shutil.get_terminal_size((80, 24)).columns, WIDEST)


def help_page(description: str, flags: Sequence[Flag], config: ConfigDict | None = None) -> str:
    """Returns the description of a program, its flags, and with a config all its fields and their values."""
    lines = [filled(commands(description.strip())), "", "Flags:"]
    for flag in flags:
        default = "" if flag.default in (None, "") or flag.default is False else shown(flag.default)
        name = f"--[no]{flag.name}" if flag.boolean else f"--{flag.name}={flag.parser.shown}"
        lines.append(entry(name, f"{flag.explanation} (default: {default})" if default else flag.explanation))
    if config is not None:
        lines += ["", *textwrap.wrap("Fields of --config, with its values; --config.FIELD=VALUE sets one:", width())]
        values = dict(flatten(config))
        for name, setting in settings().items():
            lines.append(entry(f"{name}={values.get(name, setting.default)}", setting.explanation))
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
    """Returns a docstring with its commands as this one was called: by its file, or as `flowconv train`."""
    if not sys.argv[0].startswith(CALLED):
        return text
    return re.sub(r"python (?:scripts/)?(\w+)\.py", rf"{CALLED}\1", text)


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
