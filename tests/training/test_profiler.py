"""Traces of training steps."""

import pytest
import tensorflow as tf

from flowconv.training.profiler import WARM_UP, Profiler


@pytest.fixture
def calls(monkeypatch):
    """What the profiler of TensorFlow is told, among the steps."""
    calls = []
    monkeypatch.setattr(tf.profiler.experimental, "start", lambda folder: calls.append("start"))
    monkeypatch.setattr(tf.profiler.experimental, "stop", lambda: calls.append("stop"))
    return calls


def take(profiler, steps, calls):
    for number in range(steps):
        with profiler.step():
            calls.append(number)


def test_the_trace_has_so_many_steps_after_the_first_ones(calls):
    profiler = Profiler(2)
    take(profiler, WARM_UP + 4, calls)
    profiler.close()
    first = WARM_UP
    assert calls == [*range(first), "start", first, first + 1, "stop", first + 2, first + 3]


def test_a_run_that_ends_before_keeps_what_there_is(calls, capsys):
    profiler = Profiler(50)
    take(profiler, WARM_UP + 3, calls)
    profiler.close()
    assert calls[-1] == "stop" and f"steps {WARM_UP + 1} to {WARM_UP + 3}: " in capsys.readouterr().out


@pytest.mark.parametrize(("wanted", "steps"), [(0, 20), (3, WARM_UP)])
def test_without_a_step_to_trace_there_is_none(wanted, steps, calls, capsys):
    profiler = Profiler(wanted)
    take(profiler, steps, calls)
    profiler.close()
    said = f"there is no profile: the run went on for {WARM_UP} steps, and the first {WARM_UP} are not traced\n"
    assert calls == list(range(steps)) and capsys.readouterr().out == (said if wanted else "")


def test_a_profiler_that_fails_is_told_and_ends_no_run(calls, monkeypatch, capsys):
    monkeypatch.setattr(tf.profiler.experimental, "start", lambda folder: exec("raise OSError('no room')"))
    take(Profiler(2), WARM_UP + 4, calls)
    assert calls == list(range(WARM_UP + 4)) and "warning: there is no profile: no room" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["run", "a [1]*?"])
def test_the_trace_is_one_that_tensorboard_finds(name, tmp_path):
    said = []
    profiler = Profiler(1, tmp_path / name, said.append)
    step = tf.function(lambda x: tf.reduce_sum(x @ x))
    take_once = tf.ones([8, 8])
    for _ in range(WARM_UP + 2):
        with profiler.step():
            step(take_once)
    (trace,) = (tmp_path / name / "plugins/profile").glob("*/*.xplane.pb")
    assert trace.stat().st_size > 1000 and len(said) == 1 and str(tmp_path / name) in said[0]
