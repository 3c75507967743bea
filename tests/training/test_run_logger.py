"""What a run tells while it trains, of a run that takes no steps."""

import contextlib
import fcntl
import os
import pty
import shutil
import struct
import sys
import termios
import types

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator

from flowconv.config import default_config
from flowconv.data import ImageData
from flowconv.errors import UserError
from flowconv.training.checkpoints import Restored
from flowconv.training.progress import Meter
from flowconv.training.run_logger import RunLogger
from flowconv.training.writers import read_metrics
from flowconv.workdir import Workdir


class Run:
    """As much of a run as its logger looks at."""

    def __init__(self, folder, **fields):
        self.config = default_config()
        self.config.update_from_flattened_dict({"train.batch_size": 16, "train.images": 100} | fields)
        self.workdir = Workdir(folder)
        splits = dict.fromkeys(["train", "validation", "test"], np.zeros((1, 2, 2, 3), np.uint8))
        self.images = ImageData(name="made", version="1", note="", fingerprint="0", splits=splits)

    def begin(self, images_seen=None, evaluated=0):
        """Begins, or goes on, at so many images."""
        self.state = types.SimpleNamespace(
            images_seen=images_seen or 0,
            evaluated=evaluated,
            images_a_step=16,
            seconds=1.0,
            flow=types.SimpleNamespace(
                parameters=1,
                dequantization=types.SimpleNamespace(training_unit="bits/dim"),
                estimates_log_det=False,
            ),
            optimizer=types.SimpleNamespace(iterations=1),
        )
        restored = None if images_seen is None else Restored("ckpt")
        self.logger = RunLogger(self.state, self.config, self.workdir, self.images, restored)
        self.logger.progress.log_seconds = 0.0

    def step(self, images, bits_per_dim):
        """Tells of a step."""
        meter = Meter()
        meter.add({"bits_per_dim": bits_per_dim, "learning_rate": 0.1, "gradient_norm": 1.0}, 16, 1.0)
        self.logger.step(images, bits_per_dim, meter)

    def shown(self, tag="bits_per_dim", series="train"):
        """What TensorBoard shows: the value at each step."""
        self.logger.close(finished=True)
        events = EventAccumulator(str(self.workdir.tensorboard / series)).Reload()
        return [(event.step, float(tf.make_ndarray(event.tensor_proto))) for event in events.Tensors(tag)]


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "run")


def test_tensorboard_drops_what_came_after_the_checkpoint_that_a_run_goes_on_from(run):
    run.begin()
    for images in (16, 32, 48, 64):
        run.step(images, 4.0)
    run.begin(images_seen=32)  # it was killed
    run.step(48, 3.0)
    assert run.shown() == [(16, 4.0), (32, 4.0), (48, 3.0)]
    assert [(row["images"], row["bits_per_dim"]) for row in read_metrics(run.workdir.metrics)] == run.shown()


def test_tensorboard_drops_what_a_roll_back_undoes(run):
    run.begin()
    for images in (16, 32, 48):
        run.step(images, 4.0)
    run.state.images_seen = 16
    run.logger.go_back(Restored("ckpt"), "trouble")
    run.step(32, 3.0)
    assert run.shown() == [(16, 4.0), (32, 3.0)]


def test_tensorboard_drops_a_run_that_was_started_anew(run):
    run.begin()
    run.step(16, 4.0)
    run.begin()
    run.step(32, 3.0)
    assert run.shown() == [(32, 3.0)]


def test_every_series_drops_what_came_after(run):
    """Those that are written for the first time, too."""
    run.begin()
    run.logger.validation(16, {"validation_bits_per_dim": 4.0}, {})
    run.logger.validation(48, {"validation_bits_per_dim": 5.0}, {})
    run.begin(images_seen=32)
    run.logger.validation(64, {"validation_bits_per_dim": 3.0, "validation_bits_per_dim_ema": 2.0}, {})
    assert run.shown(series="validation") == [(16, 4.0), (64, 3.0)]
    assert run.shown(series="validation_ema") == [(64, 2.0)]


def test_the_budget_is_whole_steps(run, capsys):
    run.begin()
    run.step(112, 4.0)
    assert "images       112/112" in capsys.readouterr().out


def test_what_a_run_can_do_without_is_given_up_in_one_line(run, capsys):
    run.workdir.tensorboard.parent.mkdir()
    run.workdir.tensorboard.write_text("a file in its place")
    run.begin()
    for images in (16, 32):
        run.step(images, 4.0)
    run.logger.validation(32, {"validation_bits_per_dim": 4.0, "validation_bits_per_dim_ema": 4.0}, {})
    run.logger.close(finished=True)
    warnings = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning")]
    assert len(warnings) == 1 and warnings[0].startswith("warning: the run goes on without TensorBoard: "), warnings
    assert len(read_metrics(run.workdir.metrics)) == 3


@pytest.mark.parametrize("accident", ["deleted", "renamed", "emptied"])
def test_a_workdir_that_is_gone_ends_the_run_and_is_not_made_again(run, accident):
    run.begin()
    path = run.workdir.path
    if accident == "renamed":
        path.rename(path.with_name("elsewhere"))
    else:
        shutil.rmtree(path)
    if accident == "emptied":
        path.mkdir()
    with pytest.raises(UserError, match=f"--workdir={path}: was deleted or renamed while the run went on"):
        run.step(16, 4.0)
    assert accident == "emptied" or not path.exists()
    assert accident != "emptied" or not list(path.iterdir())


def test_metrics_that_were_deleted_begin_again(run):
    run.begin()
    run.step(16, 4.0)
    run.workdir.metrics.unlink()
    run.step(32, 3.0)
    assert [row["images"] for row in read_metrics(run.workdir.metrics)] == [32]


def test_a_bar_begins_below_the_first_lines(run, monkeypatch):
    """On a terminal, of which a bar rewrites the last line."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    with os.fdopen(slave, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        run.begin(images_seen=16)
        run.step(32, 4.0)
        run.logger.progress.say("a line above the bar")
        run.logger.progress.close()
        monkeypatch.undo()
    shown = b""
    with contextlib.suppress(OSError), os.fdopen(master, "rb", buffering=0) as screen:  # that the other end is closed
        while True:
            shown += screen.read(10_000)
    shown = shown.decode()
    lines = shown.split("\r\n")
    assert lines[0].startswith("made 1: ") and lines[1].startswith("1 parameters, 1 × 16 images a step"), shown
    assert not any("%|" in line for line in lines[:2])
    assert any("%|" in line for line in lines[2:]) and "a line above the bar" in shown
