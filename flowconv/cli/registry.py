"""The commands by name: each is a file of one of these folders."""

import ast
import importlib
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # of the repository; in a wheel, the folder of all packages
FOLDERS = ("flowconv.cli.commands", "benchmarks.commands", "experiments.commands")
OF_THE_REPOSITORY = ("benchmark", "compare", "compare_exported", "fold")  # which a wheel does not have


def modules() -> dict[str, str]:
    """Returns the module of each command that there is by its name, train first."""
    found = {
        path.stem: f"{folder}.{path.stem}"
        for folder in FOLDERS
        for path in (ROOT / folder.replace(".", "/")).glob("[!_]*.py")
    }
    return {name: found[name] for name in sorted(found, key=lambda name: (name != "train", name))}


def summary(module: str) -> str:
    """Returns the first line of a command's docstring, without importing it."""
    path = ROOT / f"{module.replace('.', '/')}.py"
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


def load(module: str) -> Callable[[], None]:
    """Returns the `main` of a command."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))  # benchmarks/ and experiments/ are not installed
    return importlib.import_module(module).main
