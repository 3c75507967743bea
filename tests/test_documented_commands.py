"""Command lines on pages: their programs take them, and each run has a folder of its own."""

import re
import shlex

import pytest

from benchmarks import variants
from flowconv.cli import config_flags, registry
from flowconv.cli.commands import run_exported_step
from flowconv.config import architecture, config_file, validate
from tests.runs import ROOT

PAGES = sorted({ROOT / "README.md", *(ROOT / "docs").rglob("*.md")} - {ROOT / "docs/reference/errors.md"})
EXAMPLES = tuple(path.stem for path in (ROOT / "docs/examples").glob("*.py"))  # parts that a reader puts there
PROGRAM = re.compile(r"(?:scripts/)?(\w+)\.py|scripts/slurm\.sh")


def commands(text):
    """The program and the arguments of each command line, in blocks that are indented and in inline code."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    blocks = re.findall(r"(?:^    .*\n)+", text, re.MULTILINE)
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    for line in [*lines, *re.findall(r"`([^`\n]+)`", text)]:
        if found := command(line):
            yield line, *found


def command(line):
    """The program and the arguments of one, None if it is no such line."""
    try:
        words = shlex.split(line.replace("$variant", "emerging").replace("=k", "=2"), comments=True)
    except ValueError:  # an apostrophe
        return None
    words = words[: next((number for number, word in enumerate(words) if word in (">>", "|")), None)]
    if words[:1] == ["flowconv"]:
        name, arguments = words[1:2], words[2:]
    elif len(words) > 1 and (at := [number for number, word in enumerate(words) if PROGRAM.fullmatch(word)]):
        name, arguments = [PROGRAM.fullmatch(words[at[-1]])[1] or "train"], words[at[-1] + 1 :]
    else:
        return None
    return (*name, arguments) if set(name) <= set(registry.modules()) and name else None


FOUND = {str(page.relative_to(ROOT)): list(commands(page.read_text(encoding="utf-8"))) for page in PAGES}
FOUND = {page: found for page, found in FOUND.items() if found}


def parsed(name, arguments):
    """The values of flags, and the config if the program takes one."""
    if name == "run_exported_step":
        return vars(run_exported_step.flags().parse_args(arguments)), None
    program = registry.load(registry.modules()[name])
    arguments = [each for each in arguments if not each.endswith(tuple(f"={example}" for example in EXAMPLES))]
    values = program.parse([each for each in arguments if each != "--help"])
    config = config_flags.config_of(values) if program.takes_config else None
    if config:
        validate(config)
    return values, config


def test_they_are_found():
    assert sum(map(len, FOUND.values())) > 100
    assert {name for found in FOUND.values() for _, name, _ in found} == set(registry.modules())


@pytest.mark.parametrize("page", FOUND)
def test_programs_take_them(page):
    for _, name, arguments in FOUND[page]:
        values, config = parsed(name, arguments)
        if name == "compare":
            variants.of_flags(config, values["variants"], values["sweep"], seeds=1)


def test_a_folder_is_of_one_run():
    """So that whoever follows all pages in one clone is refused nowhere."""
    runs = {}
    for page, found in FOUND.items():
        for line, name, arguments in found:
            values, config = parsed(name, arguments)
            if name == "train" and "--help" not in arguments:
                folder = values["workdir"] or config_file.default_workdir(values["config"])
                run = architecture(config) | {"data": config.data.to_dict(), "images": config.train.images}
            elif name in ("export", "fold"):  # which want an empty folder
                folder, run = values["output"], line
            else:
                continue
            where, before = runs.setdefault(str(folder), (f"{page}: {line}", run))
            assert run == before, f"{folder}\n{where}\n{page}: {line}"
