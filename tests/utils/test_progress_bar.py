"""What is told of work that takes long."""

import io
import time
from types import SimpleNamespace

import pytest

from flowconv.utils import progress_bar
from flowconv.utils.progress_bar import progress, working


@pytest.fixture
def impatience(monkeypatch):
    monkeypatch.setattr(progress_bar, "PATIENCE", 0.0)
    monkeypatch.setattr(progress_bar, "INTERVAL", 0.001)
    monkeypatch.setattr(progress_bar, "REFRESH", 0.001)


@pytest.fixture
def stderr(monkeypatch):
    """What goes to stderr, as it comes."""
    stream = io.StringIO()
    monkeypatch.setattr(progress_bar, "sys", SimpleNamespace(stderr=stream))
    return stream


def wait_for(stderr, text):
    deadline = time.monotonic() + 60
    while text not in stderr.getvalue():
        assert time.monotonic() < deadline, stderr.getvalue()
        time.sleep(0.001)


@pytest.mark.parametrize(("total", "line"), [(1200, "reading x: 1/1,200 images\n"), (None, "reading x: 1 images\n")])
def test_lines_name_the_pass_and_how_far_it_is(total, line, impatience, stderr):
    for item in progress("ab", total, "reading x"):
        wait_for(stderr, line if item == "b" else line.replace(" 1", " 0", 1))


def test_an_item_that_takes_long_is_told_before_it_comes(impatience, stderr):
    def items():
        wait_for(stderr, "tracing: 0/1 models\n")
        yield "a"

    assert list(progress(items(), 1, "tracing", "models")) == ["a"]


def test_work_of_unknown_length_is_told(impatience, stderr):
    with working("saving x"):
        wait_for(stderr, "saving x (0:00)\n")


def test_names_of_files_are_no_commands_to_a_terminal(impatience, stderr, monkeypatch):
    hostile, shown = "saving \x1b]0;title\x07\udce9", "saving \\x1b]0;title\\x07\\udce9"
    with working(hostile):
        wait_for(stderr, f"{shown} (0:00)\n")
    for _ in progress("a", 1, hostile):
        wait_for(stderr, f"{shown}: 0/1 images\n")
    monkeypatch.setattr(stderr, "isatty", lambda: True)
    for _ in progress("a", 1, hostile):
        wait_for(stderr, f"{shown}:   0%")
    assert all(each.isprintable() or each in "\r\n" for each in stderr.getvalue())


def test_nothing_is_told_after_the_end(impatience, stderr):
    for _ in progress("a", 1, "reading x"):
        wait_for(stderr, "reading")
    with working("saving x"):
        wait_for(stderr, "saving")
    told = stderr.getvalue()
    time.sleep(0.01)
    assert stderr.getvalue() == told


def test_an_abandoned_pass_is_told_no_more(impatience, stderr):
    passing = progress("ab", 2, "reading x")
    next(passing)
    wait_for(stderr, "reading")
    passing.close()
    told = stderr.getvalue()
    time.sleep(0.01)
    assert stderr.getvalue() == told


def test_a_terminal_shows_a_bar_that_goes_away(impatience, stderr, monkeypatch):
    monkeypatch.setattr(stderr, "isatty", lambda: True)
    for item in progress("ab", 2, "reading x"):
        wait_for(stderr, "1/2" if item == "b" else "0/2")
    assert stderr.getvalue().endswith("\r") and "reading x" in stderr.getvalue()


@pytest.mark.parametrize("patience", [0.0, 60.0])
def test_quick_passes_and_other_workers_are_silent(patience, stderr, impatience, monkeypatch):
    monkeypatch.setattr(progress_bar, "PATIENCE", patience)
    assert list(progress("ab", 2, "reading x", visible=patience > 0)) == ["a", "b"]
    with working("saving x", visible=patience > 0):
        pass
    assert not stderr.getvalue()
