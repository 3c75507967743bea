"""The commands and their flags, as docs/reference/command_line.md shows them."""

import ast
from pathlib import Path

from flowconv.cli import registry
from flowconv.cli.command import Command
from flowconv.cli.flags import shown

HEADER = "| flag | takes | default | |\n|---|---|---|---|"


def all_commands() -> str:
    """Returns a section for each command: its description, and a table of its flags."""
    return "\n\n".join(_section(name, module) for name, module in registry.modules().items())


def _section(name, module):
    path = registry.ROOT / f"{module.replace('.', '/')}.py"
    description = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    command = registry.load(module)
    # One runs where there is no flowconv, and parses its arguments itself.
    flags = command.own_flags if isinstance(command, Command) else []
    table = ["\n".join([HEADER, *map(_row, flags)])] if flags else []
    return "\n\n".join([f"## {name}", description, *table])


def _row(flag):
    default = "" if flag.default in (None, "", ()) else f"`{shown(flag.default)}`".replace(str(Path.home()), "~")
    return f"| `--{flag.name}` | {_cell(flag.parser.right)} | {default} | {_cell(flag.explanation)} |"


def _cell(text):
    return text.replace("|", "\\|")


SECTIONS = {"commands": all_commands}
