"""Imports point one way: what stands further down may use what stands above it, never the reverse."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ORDER = [
    "process",
    "launchers",
    "words",
    "errors",
    "signals",
    "files",
    "paths",
    "utils",
    "config",
    "configuration",
    "ops",
    "core",
    "networks",
    "conditions",
    "bijectors",
    "surjections",
    "models",
    "testing",
    "data",
    "workdir",
    "evaluation",
    "distributed",
    "preflight",
    "training",
    "inference",
    "cli",
    "__main__",
    "benchmarks",
    "experiments",
]
BESIDE = ("benchmarks", "experiments")  # the library
FILES = sorted(path for folder in ("flowconv", *BESIDE) for path in (ROOT / folder).rglob("*.py"))
PACKAGES = sorted(path.parent for path in (ROOT / "flowconv").rglob("*/__init__.py"))


def imported_parts(path):
    """The parts of flowconv, and the folders beside it, that a file imports anywhere, lazily too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names = [
                f"{node.module}.{alias.name}" if node.module == "flowconv" else node.module for alias in node.names
            ]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] in BESIDE:
                yield parts[0]
            elif parts[0] == "flowconv" and len(parts) > 1 and parts[1] != "__version__":
                yield parts[1]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path):
    folder, *rest = path.relative_to(ROOT).with_suffix("").parts
    own = folder if folder in BESIDE else rest[0]
    if own == "__init__":
        # Within flowconv.load, and for type checkers.
        assert set(imported_parts(path)) <= {
            "inference",
            "bijectors",
            "models",
            "testing",
            "errors",
            "workdir",
            "Flow",
            "build_flow",
        }
        return
    later = ORDER[ORDER.index(own) + 1 :]
    assert not set(imported_parts(path)) & set(later)


def test_two_modules_know_horovod():
    users = [path for path in FILES if "import horovod" in path.read_text() or "from horovod" in path.read_text()]
    assert [path.name for path in users] == ["elastic.py", "horovod.py"]


def test_flags_are_parsed_before_tensorflow_is_imported():
    code = "import sys, flowconv.cli.command; print(any(m.startswith('tensorflow') for m in sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    assert printed.strip() == "False"


def test_public_names_are_imported_when_they_are_used():
    code = (
        "import sys, flowconv; assert set(flowconv.__all__) <= set(dir(flowconv)); "
        "print({'tensorflow', 'keras', 'numpy'} & set(sys.modules)); "
        "print([getattr(flowconv, name) is not None for name in flowconv.__all__])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    assert printed == f"set()\n{[True] * 6}\n"


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: folder.name)
def test_no_module_takes_the_place_of_a_public_name(folder):
    """Python puts a module that is imported for the first time into its package, over what had its name there."""
    name = ".".join(folder.relative_to(ROOT).parts)
    package = importlib.import_module(name)
    public = [each for each in getattr(package, "__all__", ()) if (folder / f"{each}.py").is_file()]
    for each in public:
        importlib.import_module(f"{name}.{each}")
    assert not [each for each in public if inspect.ismodule(getattr(package, each))]
