"""Checkpoints that were damaged, and disks that are full."""

import os
import random
import re
import resource
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from flowconv.config import architecture, default_config
from flowconv.errors import UserError
from flowconv.models import build_flow
from flowconv.training.checkpoints import Checkpoints
from flowconv.training.step import build_step
from tests.programs import run_here
from tests.runs import ROOT, TINY, command_of, environment, overrides


class Run:
    """A model and its checkpoints."""

    def __init__(self, folder, fields=None):
        self.config = default_config()
        self.config.update_from_flattened_dict({n: v for n, v in TINY.items() if n.startswith("model.")})
        self.config.update_from_flattened_dict(fields or {})
        self.step = build_step(self.config, build_flow(self.config))
        self.variables = [v.value for v in (*self.step.flow.variables, *self.step.optimizer.variables)]
        self.average_is_best = tf.Variable(False, trainable=False)
        self.best = tf.Variable(np.inf, dtype=tf.float64, trainable=False)
        self.use(folder)

    def use(self, folder):
        """Has the checkpoints in a folder."""
        self.folder = folder
        progress = {
            "images_seen": self.step.images_seen,
            "average_is_best": self.average_is_best,
            "best_bits_per_dim": self.best,
        }
        self.checkpoints = Checkpoints(
            self.step.flow, self.step.optimizer, progress, architecture(self.config), folder / "new", folder / "best"
        )

    def save(self, number):
        """A checkpoint all of whose numbers are `number`."""
        for variable in (*self.variables, self.step.images_seen):
            variable.assign(tf.cast(tf.fill(variable.shape, number), variable.dtype))
        return self.checkpoints.save(number)

    def restored(self):
        """The number that everything has after a restore, and what was said."""
        for variable in self.variables:
            variable.assign(tf.zeros_like(variable))
        restored = self.checkpoints.restore()
        values = {float(tf.reduce_min(v)) for v in self.variables} | {float(tf.reduce_max(v)) for v in self.variables}
        assert len(values) == 1, "parts of two checkpoints"
        return values.pop(), restored


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    run = Run(folder)
    for number in (1, 2, 3):
        assert run.save(number)
    return run, folder


@pytest.fixture
def run(saved, tmp_path):
    """The same checkpoints in a folder of the test's own."""
    run, folder = saved
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    run.use(tmp_path)
    return run


def files(run, number):
    return sorted((run.folder / "new").glob(f"ckpt-{number}.*"))


def test_two_are_kept_and_the_newest_is_taken(run):
    assert not files(run, 1) and len(files(run, 2)) == len(files(run, 3)) == 2
    number, restored = run.restored()
    assert number == 3 and not restored.damaged and restored.path.endswith("ckpt-3")


DRAWS = random.Random(0)
LENGTHS = [0, 1, *(DRAWS.random() for _ in range(8))]  # of a file, bytes; those between 0 and 1 are parts of it


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("ending", ["index", "data-00000-of-00001"])
def test_a_truncated_newest_one_is_named_and_the_one_before_is_used(run, ending, length):
    path = run.folder / "new" / f"ckpt-3.{ending}"
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(int(length * size) if 0 < length < 1 else length)
    _falls_back(run)


@pytest.mark.parametrize("ending", ["index", "data-00000-of-00001"])
def test_a_removed_file_is_named_and_the_one_before_is_used(run, ending):
    (run.folder / "new" / f"ckpt-3.{ending}").unlink()
    _falls_back(run)


@pytest.mark.parametrize("ending", ["index", "data-00000-of-00001"])
def test_a_changed_byte_is_noticed(run, ending):
    path = run.folder / "new" / f"ckpt-3.{ending}"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)
    _falls_back(run)


def _falls_back(run):
    number, restored = run.restored()
    assert number == 2 and len(restored.damaged) == 1 and "ckpt-3 can't be restored: " in restored.damaged[0]
    assert "\n" not in restored.damaged[0]
    assert all(file.name.endswith(".damaged") for file in files(run, 3))
    run.save(4)
    assert run.restored() == (4, run.checkpoints.restore()) and files(run, 2)


def test_all_of_them_damaged(run):
    for number in (2, 3):
        (run.folder / "new" / f"ckpt-{number}.index").write_bytes(b"")
    with pytest.raises(UserError, match=r"ckpt-3 can't be restored.*ckpt-2 can't be restored"):
        run.checkpoints.restore()


class Killed(BaseException):
    """Ends a process where it stands."""


STEPS = ("os.mkdir", "os.rename", "os.replace", "os.rmdir", "os.unlink")  # of which writing a checkpoint consists


@pytest.mark.parametrize("number", [3, 4])  # (3 is written a second time)
@pytest.mark.parametrize("step", range(9))
def test_a_kill_at_any_step_leaves_a_whole_checkpoint(run, monkeypatch, number, step):
    steps = []

    def killed(function):
        def call(*arguments, **keywords):
            steps.append(function)
            if len(steps) > step:
                raise Killed
            return function(*arguments, **keywords)

        return call

    with monkeypatch.context() as patch:
        for name in STEPS:
            patch.setattr(name, killed(getattr(os, name.split(".")[1])))
        with pytest.raises(Killed):
            run.save(number)
            assert len(steps) <= step, "more kills are needed"
            raise Killed  # there are no further steps
    restored, how = run.restored()
    assert restored in (3, number) and not how.damaged
    left = {path.name for path in (run.folder / "new").iterdir()}
    assert all(re.fullmatch(r"ckpt-\d\.(index|data-00000-of-00001)", name) for name in left), left
    run.save(5)
    assert run.restored()[0] == 5 and len(list((run.folder / "new").iterdir())) == 4


@pytest.mark.parametrize("left", ["ckpt-5_temp", "ckpt-5.part"])
def test_what_a_killed_process_left_is_no_checkpoint(run, left):
    """(The first is version 0.1's.)"""
    folder = run.folder / "new"
    (folder / left).mkdir()
    (folder / left / "part-00000-of-00001.data-00000-of-00001").write_bytes(b"half")
    (folder / left / "ckpt-5.index").write_bytes(b"half")
    number, restored = run.restored()
    assert number == 3 and not restored.damaged
    assert not (folder / left).exists()


def test_damaged_ones_are_removed_once_there_are_newer_ones(run):
    (run.folder / "new" / "ckpt-3.index").write_bytes(b"")
    run.restored()
    for number, damaged in ((4, 2), (5, 0)):
        run.save(number)
        assert len(list((run.folder / "new").glob("*.damaged"))) == damaged


def test_what_the_run_went_back_from_is_removed(run):
    run.save(5)
    run.save(4)
    assert files(run, 3) and files(run, 4) and not files(run, 5)


@pytest.mark.parametrize(("there", "damaged", "best"), [(3.25, False, 3.25), (3.75, False, 3.5), (3.25, True, 3.5)])
def test_a_run_that_goes_back_does_not_forget_its_best_score(run, there, damaged, best):
    """Or it would put worse weights in the place of the best ones, which are later than those it goes back to."""
    run.best.assign(3.5)
    run.average_is_best.assign(False)
    run.save(4)
    run.best.assign(there)
    run.average_is_best.assign(True)
    run.checkpoints.save_best(5)
    for file in (run.folder / "best").glob("*.data*") if damaged else ():
        os.truncate(file, 100)
    assert run.restored()[0] == 4
    assert float(run.best) == best and bool(run.average_is_best) == (best == 3.25)


def test_old_ones_that_can_t_be_removed_end_no_run(run, monkeypatch):
    with monkeypatch.context() as refusing:
        refusing.setattr(Path, "unlink", lambda *_, **__: os.rmdir("/proc"))
        assert run.save(4) and len(files(run, 2)) == 2
    assert run.save(5) and not files(run, 2)


NAMES = [
    "a[1]",
    "a[12]",
    "run?",
    "r*",
    "**",
    "[!a]",
    "a\\1",
    "{a,b}",
    "with space",
    "new\nline",
    "été 流れ",
    os.fsdecode(b"\xe9"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_may_have_any_name_and_its_siblings_are_safe(run, tmp_path, name):
    siblings = ("a1", "a2", "run1", "rabbit", "b")
    for folder in siblings:
        shutil.copytree(run.folder / "new", tmp_path / folder / "new")
    run.use(tmp_path / name)
    for number in (5, 6, 7):
        assert run.save(number)
    assert run.restored()[0] == 7 and not files(run, 5)
    (run.folder / "new" / "ckpt-7.index").write_bytes(b"")
    number, restored = run.restored()
    assert number == 6 and "proc" not in restored.damaged[0] and str(run.folder) in restored.damaged[0]
    for folder in siblings:
        assert {path.name for path in (tmp_path / folder / "new").iterdir()} == {
            path.name for path in (tmp_path / "new").iterdir()
        }


def test_numbers_that_are_not_finite_are_not_saved(run):
    weight = run.variables[0]
    weight.assign(tf.fill(weight.shape, np.nan))
    assert run.checkpoints.save(9) is False and not files(run, 9)


def test_no_code_is_loaded(run):
    """A checkpoint is tensors: TensorFlow reads no object but strings and numbers from it."""
    reader = tf.train.load_checkpoint(str(run.folder / "new" / "ckpt-3"))
    kinds = set(reader.get_variable_to_dtype_map().values())
    assert kinds <= {tf.float32, tf.float64, tf.int32, tf.int64, tf.bool, tf.string}
    texts = {name.split("/")[0] for name, kind in reader.get_variable_to_dtype_map().items() if kind == tf.string}
    assert texts == {"_CHECKPOINTABLE_OBJECT_GRAPH", "architecture"}


def test_a_full_disk_ends_in_a_line_and_leaves_the_older_ones(finished_run, tmp_path):
    """A limit on the size of files stands for the disk."""
    shutil.copytree(finished_run[0], tmp_path, dirs_exist_ok=True)
    before = {path.name: path.read_bytes() for path in (tmp_path / "checkpoints").glob("ckpt-*")}
    flags = overrides(**{"train.images": 192})
    limit = max(len(content) for content in before.values()) // 2
    result = subprocess.run(
        command_of("train.py", f"--workdir={tmp_path}", *flags),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        timeout=120,
    )
    assert result.returncode == 2, result.stderr
    assert "no checkpoint can be written to" in result.stderr and "Traceback" not in result.stderr
    for name, content in before.items():
        assert (tmp_path / "checkpoints" / name).read_bytes() == content
    assert not list(Path(tmp_path / "checkpoints").glob("*_temp*"))
    run_here("train.py", f"--workdir={tmp_path}", *flags)
