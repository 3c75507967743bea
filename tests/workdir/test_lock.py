"""One job a workdir."""

import os
import socket
import subprocess
import sys

import pytest

from flowconv.config import default_config
from flowconv.errors import UserError
from flowconv.workdir import Workdir
from tests.runs import ROOT


def hold(workdir):
    """A process that holds the lock of a workdir."""
    code = f"from flowconv.workdir import Workdir\nwith Workdir({str(workdir)!r}).alone(): print(); input()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    process.stdout.readline()
    return process


@pytest.mark.parametrize("refused", [Workdir.check, lambda workdir, config: workdir.alone().__enter__()])
def test_a_second_job_is_refused_by_the_name_of_the_first(tmp_path, refused):
    process = hold(tmp_path)
    line = rf"^--workdir={tmp_path}: process {process.pid} on {socket.gethostname()}, started .*, is writing there"
    with pytest.raises(UserError, match=line):
        refused(Workdir(tmp_path), default_config())
    process.communicate(b"\n")
    refused(Workdir(tmp_path), default_config())


@pytest.mark.parametrize("killed", [True, False])
def test_a_lock_that_was_left_is_taken_over_and_said(tmp_path, capsys, killed):
    process = hold(tmp_path)
    if killed:
        process.kill()
    process.communicate(b"\n")
    with Workdir(tmp_path).alone():
        said = capsys.readouterr().err
        assert said.count("\n") == killed and (f"process {process.pid} on" in said) == killed
        assert f"process {os.getpid()} on" in (tmp_path / "lock").read_text()
    assert (tmp_path / "lock").read_text() == ""


@pytest.mark.parametrize("content", [b"\xff" * 1000, b"\n\n", b"process 1"])
def test_what_stands_in_a_lock_matters_to_nobody(tmp_path, content):
    (tmp_path / "lock").write_bytes(content)
    with Workdir(tmp_path).alone(), pytest.raises(UserError, match=f"process {os.getpid()} on"):
        Workdir(tmp_path).check(default_config())
