"""The training loop: which events follow a step, of a run whose steps take nothing."""

import contextlib
import types

import numpy as np
import pytest
import tensorflow as tf

from flowconv.distributed import elastic
from flowconv.errors import UserError
from flowconv.training import loop
from flowconv.training.control_flags import NUM_FLAGS, ControlFlags

ASKED = {"stop": (True, False, False), "restart": (False, True, False), "roll_back": (False, False, True)}
BATCH = 16


class Stopped(Exception):
    """What a stopper raises here."""


class Run:
    """A loop of so many steps with notes of what happened, in which the n-th step gets certain answers."""

    def __init__(self, steps, asked=None, skipped=(), checkpoint_seconds=1e9, evaluate_at=(), mistake=None):
        self.events, self.asked, self.skipped, self.metered = [], asked or {}, skipped, []
        self.profiled = []
        self.mistake = mistake
        self.state = types.SimpleNamespace(
            images_seen=tf.Variable(0, dtype=tf.int64),
            seconds=tf.Variable(0.0, dtype=tf.float64),
            step=self.step,
            divergence=types.SimpleNamespace(observe=self.observe, reason=None, skipped=0),
            checkpoints=types.SimpleNamespace(save=lambda seen: not self.events.append(f"checkpoint {seen}")),
        )
        self.taken = 0
        images = tf.zeros((BATCH, 2, 2, 3), tf.uint8)
        stream = types.SimpleNamespace(
            global_batch_size=BATCH,
            batches=lambda start: (
                self.events.append(f"begin {start}")
                or iter([{"image": images, "position": tf.constant(0, tf.int64)}] * 100)
            ),
        )
        self.loop = loop.TrainingLoop(
            settings=types.SimpleNamespace(images=steps * BATCH, checkpoint_seconds=checkpoint_seconds),
            learning_rate=1.0,
            state=self.state,
            stream=stream,
            validation=types.SimpleNamespace(
                is_due=lambda seen: seen in evaluate_at and f"evaluate {seen}" not in self.events,
                run=self.evaluate,
            ),
            logger=types.SimpleNamespace(step=self.log),
            stopper=types.SimpleNamespace(
                stop=self.stop,
                between_pieces=self.nothing,
                while_tracing=self.nothing,
                note_checkpoint=lambda: None,
            ),
            watchdog=types.SimpleNamespace(feed=lambda patient=False: None),
            workdir=types.SimpleNamespace(check_unmoved=lambda: None),
            profiler=types.SimpleNamespace(
                step=lambda: self.profiled.append("step") or self.nothing(), close=lambda: self.profiled.append("close")
            ),
        )

    def step(self, batch, flags):
        self.taken += 1
        self.state.images_seen.assign_add(BATCH)
        asked = self.asked.get(self.taken, (False,) * NUM_FLAGS)
        figures = {"bits_per_dim": float(self.taken), "gradient_norm": 1.0, "skipped": self.taken in self.skipped}
        return figures | {"control_flags": tf.constant(asked, tf.float32) / 2.0}  # one of two workers asks

    def evaluate(self, seen, logger):
        self.events.append(f"evaluate {seen}")
        if self.mistake:
            raise self.mistake

    def observe(self, skipped, gradient_norm):
        self.state.divergence.skipped = int(skipped)

    def log(self, seen, bits_per_dim, meter):
        self.events.append(f"step {seen}")
        self.metered = [row["bits_per_dim"] for row in meter.rows]

    def stop(self):
        self.events.append("stop")
        raise Stopped

    def nothing(self):
        return contextlib.nullcontext()

    def roll_back(self, *_):
        self.events.append("roll back")
        self.state.images_seen.assign(0)


@pytest.fixture
def run(monkeypatch):
    def make(*arguments, **keywords):
        made = Run(*arguments, **keywords)
        monkeypatch.setattr(loop, "roll_back", made.roll_back)
        return made

    return make


def test_a_run_steps_evaluates_and_ends_with_a_checkpoint(run):
    three = run(3, evaluate_at=(32, 48))
    three.loop.run()
    steps = ["step 16", "step 32", "evaluate 32", "step 48", "evaluate 48"]
    assert three.events == ["begin 0", *steps, "checkpoint 48"]
    assert three.metered == [1.0, 2.0, 3.0] and three.loop.meter.images_per_second > 0.0


def test_the_profiler_sees_each_step_and_the_end_of_any_kind(run):
    two = run(2)
    two.loop.run()
    assert two.profiled == ["step", "step", "close"]
    stopped = run(3, asked={1: ASKED["stop"]})
    with pytest.raises(Stopped):
        stopped.loop.run()
    assert stopped.profiled == ["step", "close"]


def test_a_checkpoint_follows_each_step_where_none_may_be_lost(run):
    two = run(2, checkpoint_seconds=0.0)
    two.loop.run()
    assert two.events == ["begin 0", "step 16", "checkpoint 16", "step 32", "checkpoint 32", "checkpoint 32"]


@pytest.mark.parametrize("mistake", [ZeroDivisionError(), UserError("full"), tf.errors.ResourceExhaustedError(*"abc")])
def test_a_mistake_in_an_evaluation_loses_no_step(run, mistake):
    three = run(3, evaluate_at=(32,), mistake=mistake)
    with pytest.raises(type(mistake)):
        three.loop.run()
    assert three.events[-2:] == ["evaluate 32", "checkpoint 32"]


def test_of_skipped_steps_there_is_no_checkpoint_and_no_figure(run):
    three = run(3, skipped=(2,), checkpoint_seconds=0.0)
    three.loop.run()
    assert "checkpoint 32" not in three.events and "step 32" in three.events
    assert three.metered == [1.0, 3.0]


def test_a_run_that_rolls_back_begins_again_where_its_state_is(run):
    three = run(2, asked={2: ASKED["roll_back"]})
    three.loop.run()
    events = ["begin 0", "step 16", "roll back", "begin 0", "step 16", "step 32", "checkpoint 32"]
    assert three.events == events and three.metered == [3.0, 4.0]


def test_what_any_worker_asks_for_all_do(run):
    for asked, error, events in (("stop", Stopped, ["stop"]), ("restart", elastic.WorkersChanged, ["checkpoint 16"])):
        three = run(3, asked={1: ASKED[asked]})
        with pytest.raises(error):
            three.loop.run()
        assert three.events == ["begin 0", "step 16", *events]


def test_flags_of_several_workers_are_those_of_any():
    for name, flags in ASKED.items():
        tensors = [ControlFlags(*flags).tensor(), ControlFlags(False, False, False).tensor()]
        assert getattr(ControlFlags.of_means(tf.add_n(tensors) / 2.0), name)
        assert sum(np.asarray(tensors[0])) == 1.0
