"""The wheel: `flowconv` without a checkout."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from flowconv import __version__
from flowconv.cli import registry

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with what the wheel holds, made from a copy of what git knows."""
    copy, wheels, site = (tmp_path_factory.mktemp(name) for name in ("copy", "wheels", "site"))
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    for file in files or [str(path.relative_to(ROOT)) for path in ROOT.rglob("*.*") if ".venv" not in path.parts]:
        if (ROOT / file).is_file():
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            (copy / file).write_bytes((ROOT / file).read_bytes())
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        wheels,
        ".",
    ]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    (wheel,) = wheels.iterdir()
    assert wheel.name == f"flowconv-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def flowconv(installed, cwd, *arguments):
    environment = os.environ | {"PYTHONPATH": str(installed)}
    command = [sys.executable, "-m", "flowconv", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


def test_the_command_says_what_there_is(installed, tmp_path):
    result = flowconv(installed, tmp_path)
    assert result.returncode == 0 and not result.stderr
    shown = re.findall(r"^  (\w+)", result.stdout, re.MULTILINE)
    scripts = {path.stem for path in (ROOT / "scripts").glob("*.py")}
    assert shown == ["train", *sorted(scripts - set(registry.OF_THE_REPOSITORY))]
    assert "flowconv = flowconv.__main__:main" in next(installed.glob("*.dist-info/entry_points.txt")).read_text()


def test_a_program_with_its_config(installed, tmp_path):
    """Elsewhere, the wheel's own experiments are there by their names."""
    for config in ("cifar10", "configs/cifar10.py"):
        result = flowconv(installed, tmp_path, "train", f"--config={config}", "--config.model.depth=0")
        assert result.returncode == 2 and result.stderr == "error: --config.model.depth=0: must be at least 1\n"
    for arguments in (("sample", "--help"), ("help", "sample")):
        text = flowconv(installed, tmp_path, *arguments).stdout
        assert "    flowconv sample --workdir=" in text and "python" not in text
    assert not any(tmp_path.iterdir())


def test_no_such_program(installed, tmp_path):
    result = flowconv(installed, tmp_path, "trian")
    assert result.returncode == 2 and result.stderr.startswith(
        "error: flowconv trian: there is no such program (did you mean train?)"
    )
    result = flowconv(installed, tmp_path, "x")
    assert result.returncode == 2 and "there is no such program; there are train," in result.stderr


@pytest.mark.parametrize("name", registry.OF_THE_REPOSITORY)
def test_what_needs_the_repository(name, installed, tmp_path):
    result = flowconv(installed, tmp_path, name, "--help")
    line = f"error: flowconv {name}: needs the repository: in a checkout of it, python scripts/{name}.py\n"
    assert result.returncode == 2 and result.stderr == line and not result.stdout


def test_its_version(installed, tmp_path):
    assert flowconv(installed, tmp_path, "--version").stdout == f"flowconv {__version__}\n"


def test_metadata(installed):
    text = next(installed.glob("*.dist-info/METADATA")).read_text()
    assert {line.split()[1] for line in text.splitlines() if line.startswith("Provides-Extra")} == {
        "cpu",
        "gpu",
        "test",
    }
    assert not re.search("^Requires-Dist: tensorflow-cpu[^;]*$", text, re.MULTILINE)


def test_what_is_tested_with_is_within_the_ranges(installed):
    """Each range ends somewhere, before what may break."""
    text = next(installed.glob("*.dist-info/METADATA")).read_text()
    lock = dict(re.findall(r"^([\w-]+)==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    required = [Requirement(line) for line in re.findall("^Requires-Dist: (.*)$", text, re.MULTILINE)]
    assert len(required) > 20
    for requirement in required:
        pinned = lock.get(requirement.name) or lock[f"{requirement.name}-cpu"]
        assert pinned in requirement.specifier and any(limit.operator == "<" for limit in requirement.specifier)
