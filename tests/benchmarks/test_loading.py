"""Part "loading"."""

import pytest

from benchmarks import loading
from benchmarks.options import Options


@pytest.mark.parametrize("name", loading.PROGRAMS)
def test_programs_run(name, monkeypatch, capsys):
    monkeypatch.setattr(loading, "PROGRAMS", {name: loading.PROGRAMS[name]})
    figures = loading.measure(Options(sizes={}, rounds=1))["loading"]
    assert figures["medians"][name] == figures["rounds"][name][0]["seconds"] > 0
    assert name in capsys.readouterr().out
