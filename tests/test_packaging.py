"""The sdist and the wheel: `flowconv` without a checkout."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from flowconv import __version__
from flowconv.cli import registry
from tests.runs import in_full

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The sdist, made from a copy of what git knows, and the wheel, made from the sdist."""
    copy, made = (tmp_path_factory.mktemp(name) for name in ("copy", "made"))
    for file in tracked():
        (copy / file).parent.mkdir(parents=True, exist_ok=True)
        (copy / file).write_bytes((ROOT / file).read_bytes())
    build = "import sys; from setuptools import build_meta; print(build_meta.build_sdist(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", build, made], cwd=copy, check=True, capture_output=True)
    sdist = made / f"flowconv-{__version__}.tar.gz"
    command = ["-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w"]
    subprocess.run([sys.executable, *command, made, sdist], cwd=made, check=True, capture_output=True)
    return sdist, made / f"flowconv-{__version__}-py3-none-any.whl"


def tracked():
    """The files that git knows, or in an unpacked sdist all of them."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    own = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if not {".venv", "runs"} & set(path.parts)]
    return [file for file in listed or own if (ROOT / file).is_file()]


@pytest.fixture(scope="module")
def installed(packages, tmp_path_factory):
    """A folder with what the wheel holds."""
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(packages[1]) as archive:
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


def test_the_sdist_holds_the_repository(packages):
    with tarfile.open(packages[0]) as archive:
        held = {member.name.partition("/")[2] for member in archive.getmembers()}
    assert not set(tracked()) - held


def test_the_description_leads_to_no_file(installed):
    """README is shown where there are no files beside it."""
    text = next(installed.glob("*.dist-info/METADATA")).read_text(encoding="utf-8")
    assert "Description-Content-Type: text/markdown\n" in text and "\n# flowconv\n" in text
    assert "](" in (ROOT / "README.md").read_text() and not re.findall(r"\]\((?!https://)", text) and "![" not in text
    assert "License-Expression: MIT\n" in text and "Classifier: Topic :: Scientific" in text


@in_full
@pytest.mark.parametrize("number", [0, 1], ids=["sdist", "wheel"])
def test_an_empty_environment(number, packages, finished_run, tmp_path):
    """One command of pip is enough for one process: no Horovod, no compiler, no tf-keras."""
    python = tmp_path / "venv/bin/python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    subprocess.run([python, "-m", "pip", "install", "-q", f"{packages[number]}[cpu]"], cwd=tmp_path, check=True)
    flags = ["--config.model.levels=1", "--config.model.depth=1", "--config.model.width=4", "--config.train.images=64"]
    code = f"import flowconv; print(flowconv.load({str(finished_run[0])!r}).as_distribution().sample().shape)"
    for command in (
        ["-m", "flowconv", "sample", f"--workdir={finished_run[0]}", "--count=4", "--output=."],
        ["-m", "flowconv", "train", "--workdir=run", *flags],
        ["-m", "flowconv", "evaluate", "--workdir=run"],
        ["-c", code],
    ):
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        result = subprocess.run([python, *command], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
    listed = subprocess.run([python, "-m", "pip", "list"], capture_output=True, text=True, check=True).stdout
    assert list(tmp_path.glob("samples-*.png")) and not re.search("horovod|tf.keras|^tensorflow ", listed, re.MULTILINE)


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
