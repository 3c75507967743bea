"""What is told of a pass that takes long."""

import pytest

from flowconv.utils import progress_bar


@pytest.fixture(autouse=True)
def impatience(monkeypatch):
    monkeypatch.setattr(progress_bar, "PATIENCE", -1.0)
    monkeypatch.setattr(progress_bar, "INTERVAL", -1.0)


@pytest.mark.parametrize(("total", "line"), [(1200, "reading x: 1/1,200 images"), (None, "reading x: 1 images")])
def test_lines_name_the_pass_and_how_far_it_is(total, line, capsys):
    assert list(progress_bar.progress("ab", total, "reading x")) == ["a", "b"]
    assert capsys.readouterr().err.splitlines()[1] == line


def test_quick_passes_and_other_workers_are_silent(capsys, monkeypatch):
    assert list(progress_bar.progress("ab", 2, "reading x", visible=False)) == ["a", "b"]
    monkeypatch.setattr(progress_bar, "PATIENCE", 60.0)
    assert list(progress_bar.progress("ab", 2, "reading x")) == ["a", "b"]
    assert not capsys.readouterr().err
