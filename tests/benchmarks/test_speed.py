"""Part "speed", its systems and its tables, without any of the other programs."""

import contextlib

import pytest

from benchmarks import speed
from benchmarks.options import Options
from benchmarks.peers.tuning import Tuning
from benchmarks.sizes import SMALL
from benchmarks.workers import WorkerError
from tools.tables import performance

OPTIONS = Options(sizes={"small": SMALL}, rounds=1, peers="/python/of/peers")


class FakeWorker(contextlib.nullcontext):
    """A worker that needs a second for all that it does; nflows, where it is tuned, doesn't start."""

    def __init__(self, module, size, python, environment, patience, **settings):
        super().__init__(self)
        if settings == speed.TUNINGS["nflows"]:
            raise WorkerError(f"killed: more than {patience:.0f} s to start")
        actions = ["conv2d", "products"] if "floor" in module else list(speed.TASKS)
        self.facts = {"actions": actions, "absent": {}, "parameters": 7, "threads": 2}

    def ask(self, action):
        return {"seconds": 1.0, "cpu_seconds": 2.0, "result": 0.0}


@pytest.fixture
def figures(monkeypatch):
    monkeypatch.setattr(speed, "Worker", FakeWorker)
    return speed.measure(OPTIONS)["small"]


def test_programs_on_pytorch_are_measured_as_they_come_and_tuned():
    chosen = {system.name: system for system in speed.systems(OPTIONS)}
    for peer in ("normflows", "nflows", "freia"):
        plain, tuned = chosen[peer], chosen[f"{peer} tuned"]
        assert (plain.module, plain.python) == (tuned.module, tuned.python)
        assert plain.settings == {} and tuned.settings == speed.TUNINGS[peer] != {}
        assert plain.optional and tuned.optional and tuned.patience < plain.patience
    assert chosen["normflows"].python == OPTIONS.peers != chosen["tfp"].python and "tfp tuned" not in chosen
    assert not any(system.optional for name, system in chosen.items() if name.partition(" ")[0] not in speed.PEERS)


def test_without_peers_there_are_none():
    assert not any(system.optional for system in speed.systems(Options(sizes={}, rounds=1)))


def test_tunings_are_known_to_the_programs():
    for settings in speed.TUNINGS.values():
        tuning = Tuning(**settings)
        assert tuning.channels_last and set(tuning.compiled) <= {"training", "inference"}


def test_a_peer_that_does_not_compile_is_left_out_with_a_line(figures, capsys):
    assert figures["absent"] == {"nflows tuned": f"killed: more than {speed.COMPILING_SECONDS:.0f} s to start"}
    assert figures["tunings"] == {f"{peer} tuned": speed.TUNINGS[peer] for peer in ("normflows", "freia")}
    assert "nflows train" in figures["rounds"] and "nflows tuned train" not in figures["rounds"]
    assert "train_vs_best_tuned_peer" in figures


def tables(monkeypatch, **sizes):
    """Both tables of made-up figures of the sizes."""
    versions = {"tensorflow-probability": "1", "normflows": "2", "nflows": "3", "FrEIA": "5", "torch": "4+cpu"}
    about = {"date": "2026-01-01", "commit": "abc", "machine": {"versions": {}}}
    files = {
        f"performance/avx2/{name}.json": {**about, name: {**figures, "versions": versions}}
        for name, figures in sizes.items()
    }
    monkeypatch.setattr(performance, "read", files.__getitem__)
    return f"{performance.speed_ratios('avx2')}\n{performance.speed_seconds('avx2')}"


def test_tables_have_rows_of_the_tuned(figures, monkeypatch):
    text = tables(monkeypatch, small=figures, paper=figures)
    assert "| training, times as fast as the best one tuned | 1.00 (1.00) | ≥ 1.3, missed | 1.00 (1.00) |" in text
    assert "| normflows, tuned, training | 1.000 (2.000) | 1.00 (2.00) |" in text
    assert "nflows, tuned" not in text.replace("normflows, tuned", "")


def test_figures_from_before_the_tuned_still_make_tables(figures, monkeypatch):
    older = {**figures, "rounds": {name: each for name, each in figures["rounds"].items() if "tuned" not in name}}
    del older["train_vs_best_tuned_peer"]
    assert "| normflows, tuned, training |  | 1.00 (2.00) |" in tables(monkeypatch, small=older, paper=figures)
    for name in ("encode_vs_best_tuned_peer", "sample_vs_best_tuned_peer"):
        del older[name]
    assert "tuned" not in tables(monkeypatch, small=older, paper=older)
