"""A worker's lines, and the worker as a process."""

import io
import json
import subprocess
import sys

import pytest

from benchmarks import worker_protocol
from benchmarks.sizes import Size
from benchmarks.worker_protocol import WARM_UP, answer
from benchmarks.workers import ROOT, Worker, WorkerError
from tests.runs import in_full

TINY = Size(depth=1, levels=1, width=4, batch_size=2, image_size=4)


def test_answers_one_line_for_each_question(monkeypatch):
    monkeypatch.setattr(worker_protocol, "LONG_ENOUGH_SECONDS", 0.0)
    calls = []
    answers = io.StringIO()
    actions = {"train": lambda: float(len(calls)) if calls.append(1) is None else 0.0, "sample": lambda: 1.0 / 0.0}
    answer(actions, {"parameters": 7}, io.StringIO("train\ntrain\n"), answers)
    ready, *measured = map(json.loads, answers.getvalue().splitlines())
    assert ready == {
        "actions": ["train"],
        "absent": {"sample": "ZeroDivisionError: float division by zero"},
        "parameters": 7,
    }
    assert [each["result"] for each in measured] == [WARM_UP + 2, WARM_UP + 4]  # of each two calls, the second counts
    assert all(each["seconds"] >= 0 and each["cpu_seconds"] >= 0 for each in measured)


@in_full
def test_a_worker_measures_ours():
    with Worker("benchmarks.flowconv_worker", TINY, backward="invert", precision="float32") as worker:
        assert worker.facts["actions"] == ["train", "encode", "sample"]
        assert worker.facts["parameters"] > 0 and worker.facts["threads"] > 0
        replies = {action: worker.ask(action) for action in worker.facts["actions"]}
    assert 5 < replies["train"]["result"] < 12 and 5 < replies["encode"]["result"] < 12
    assert 0 < replies["sample"]["result"] < 1
    assert all(reply["seconds"] > 0 for reply in replies.values())


@in_full
def test_a_worker_that_fails_says_why():
    with pytest.raises(WorkerError, match=r"model\.precision=float8: must be one of"):
        Worker("benchmarks.flowconv_worker", TINY, backward="invert", precision="float8")


def test_the_protocol_needs_the_standard_library_alone():
    code = "import sys; sys.path.insert(0, '.'); from benchmarks import worker_protocol"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, cwd=ROOT)  # -S: nothing that is installed
