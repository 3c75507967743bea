"""sessions.json: by which command, of which code, where, and when a run was trained."""

import datetime
import json
import re
import sys

import pytest

from flowconv.workdir import Workdir, sessions


@pytest.fixture
def workdir(tmp_path):
    return Workdir(tmp_path / "run")


def test_a_run_keeps_who_trained_it(workdir, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train.py", "--workdir=my run"])
    assert sessions.of(workdir) == []
    sessions.begin(workdir, 0, 1, "2 of 2 cores of node")
    (begun,) = sessions.of(workdir)
    assert begun["command"] == "python train.py '--workdir=my run'" and begun["machine"].startswith(
        "2 of 2 cores of node"
    )
    assert begun["ended"] is None and not begun["finished"]
    sessions.end(workdir, finished=False)
    sessions.begin(workdir, 640, 4, "GPU:0 of node")
    sessions.end(workdir, finished=True)
    first, last = sessions.of(workdir)
    assert not first["finished"] and first["ended"] and last["finished"] and last["images_seen"] == 640
    assert last["command"].startswith("horovodrun -np 4 python ")
    started, ended = (datetime.datetime.fromisoformat(last[name]) for name in ("started", "ended"))
    assert started.tzinfo and started <= ended


def test_an_elastic_job_keeps_the_last_ones(workdir, monkeypatch):
    monkeypatch.setattr(sessions, "MOST", 2)
    for images in range(5):
        sessions.begin(workdir, images, 1, "")
    assert [session["images_seen"] for session in sessions.of(workdir)] == [2, 3, 4]


@pytest.mark.parametrize("content", ["", "{}", "3", "[3]", "\0", "null"])
def test_damage_to_it_stops_nothing(workdir, content):
    workdir.path.mkdir()
    workdir.sessions.write_text(content)
    assert sessions.of(workdir) == []
    sessions.end(workdir, finished=True)
    assert workdir.sessions.read_text() == content
    sessions.begin(workdir, 0, 1, "")
    assert len(sessions.of(workdir)) == 1


def test_a_folder_that_is_gone_is_not_made_again(workdir):
    sessions.end(workdir, finished=True)
    assert not workdir.path.exists()


def test_the_commit_is_that_of_the_checkout(monkeypatch, tmp_path):
    assert re.fullmatch(r"([0-9a-f]{12,40}(-dirty)?)?", sessions.commit())
    monkeypatch.setattr(sessions, "ROOT", tmp_path)  # as of an installed package
    assert sessions.commit() == ""
    (tmp_path / ".git").write_text("damaged")
    assert sessions.commit() == ""


def test_it_is_json(workdir):
    sessions.begin(workdir, 0, 1, "é")
    assert json.loads(workdir.sessions.read_text())[0]["images_seen"] == 0
