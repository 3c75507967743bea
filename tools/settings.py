"""The page of all settings and parts, docs/reference/settings.md, from flowconv/config/schema.py and the parts' files.

python tools/settings.py                   # writes it; `make docs` does so, too
"""

import dataclasses
import re
from pathlib import Path
from typing import Any

from flowconv.config import SETTINGS, Setting, schema, settings
from flowconv.config.parts import Folder, Part

PAGE = Path(__file__).resolve().parent.parent / "docs/reference/settings.md"
BEGIN = """# Settings

<!-- Written by tools/settings.py from flowconv/config/schema.py: change that, and say `make docs`. -->

A config file sets `config.model.depth = 8`, a command line `--config.model.depth=8`. `--help` shows the values of the
config that is named. A checkpoint fits only where the settings with a † agree.
"""
PARTS = """
## Parts

Where a setting's values are the files of a folder, a file put there is one more value. The keywords of its
constructor are settings, too: those that it shares with others stand above, its own stand here.
"""


def page() -> str:
    """Returns the page's text."""
    known = list(settings().values())
    groups = {field.name: field.type for field in dataclasses.fields(schema.Experiment)}
    text = BEGIN + table([each for each in known if each.name in groups])
    for name, group in groups.items():
        if members := [each for each in known if each.name.startswith(f"{name}.") and each.name in SETTINGS]:
            text += f"\n## config.{name}\n\n{group.__doc__}\n{table(members)}"
    return text + PARTS + "".join(parts(each, each.choices) for each in known if isinstance(each.choices, Folder))


def table(rows: list[Setting]) -> str:
    """Returns a table of settings."""
    lines = ["", "| setting | default | values | |", "|---|---|---|---|"]
    for row in rows:
        mark = " †" if row.architecture else ""
        lines.append(f"| `{row.name}`{mark} | `{literal(row.default)}` | {values(row)} | {escaped(row.help)} |")
    return "\n".join([*lines, ""])


def values(setting: Setting) -> str:
    """Returns the values of a setting in words."""
    if isinstance(setting.choices, Folder):
        return f"[{setting.choices.kind}](#{setting.choices.kind})"
    return escaped(", ".join(setting.choices)) or setting.range


def parts(setting: Setting, folder: Folder) -> str:
    """Returns the section of the folder whose files are a setting's values."""
    group = setting.name.rpartition(".")[0]
    lines = [f"\n### {folder.kind.capitalize()}\n\n`{setting.name}`: files of `{folder.package.replace('.', '/')}/`.\n"]
    lines += ["| value | | settings |", "|---|---|---|"]
    for part in map(folder.part, folder):
        lines.append(f"| `{part.name}` | {escaped(part.summary)} | {', '.join(settings_of(part, group))} |")
    return "\n".join([*lines, ""])


def settings_of(part: Part, group: str) -> list[str]:
    """Returns the settings of a part, with the defaults and ranges of those that are no other part's."""
    return [
        f"`{each.name}`" if each.name in SETTINGS else f"`{each.name}` = `{literal(each.default)}`{range_of(each)}"
        for each in part.settings(group).values()
    ]


def range_of(setting: Setting) -> str:
    """Returns the range of a part's own setting in parentheses, if it has one."""
    return f" ({setting.own_check.expected})" if setting.own_check else ""


def literal(value: Any) -> str:
    """Returns a value as a config file has it."""
    return f"{value:_}" if type(value) is int else repr(value)


def escaped(text: str) -> str:
    """Returns a text for a cell of a table."""
    return re.sub(r"([|*_])", r"\\\1", text)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
