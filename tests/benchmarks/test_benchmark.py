"""scripts/benchmark.py from its flags on."""

import json
import subprocess
import sys

import pytest

from benchmarks import machine
from benchmarks.peers import environment
from benchmarks.suites import SUITES
from flowconv.errors import UserError
from tests.programs import refusal
from tests.runs import ROOT


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--sizes=smal", "--sizes=smal: must be one or more of small,paper (did you mean small?)"),
        (
            "--parts=speed,start",
            f"--parts=speed,start: must be one or more of {','.join(SUITES)}",
        ),
        ("--parts=", "--parts=: must be one or more of"),
        ("--rounds=0", "--rounds=0: must be a whole number of at least 1"),
        ("--depths=8,deep", "--depths=8,deep: must be whole numbers of at least 1"),
        ("--bfloat16=maybe", "--bfloat16=maybe"),
        ("--output=/nowhere/figures.json", "--output=/nowhere/figures.json: must be a file in a folder"),
    ],
)
def test_refuses_in_one_line(argument, message):
    assert message in refusal("scripts/benchmark.py", argument)


def test_flags_are_checked_before_tensorflow_is_imported():
    code = "import sys, benchmarks.suites; print(any(m.startswith('tensorflow') for m in sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    assert printed.strip() == "False"


def test_machine_is_described():
    described = machine.describe()
    assert described["threads"] >= 1 and described["memory_bytes"] > 1e8 and "keras" in described["versions"]
    assert json.loads(json.dumps(described)) == described
    assert str(described["threads"]) in machine.line(described)


def test_environment_is_made_once_and_says_what_fails(tmp_path, monkeypatch):
    folder = tmp_path / "peers"
    monkeypatch.setattr(environment, "PINS", ("/nowhere/package.whl",))
    with pytest.raises(UserError, match=rf"--peers_environment={folder}: can't be set up: .*package\.whl"):
        environment.prepare(folder)
    monkeypatch.setattr(environment, "PINS", ("a==1", "b==2"))
    (folder / "complete").write_text("a==1\nb==2")
    assert environment.prepare(folder) == str(folder / "bin" / "python")
