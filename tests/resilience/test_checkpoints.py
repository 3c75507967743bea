"""Checkpoints that were damaged, and disks that are full."""

import random
import resource
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from flowconv.configuration import default_config
from flowconv.errors import UserError
from flowconv.models import build_flow
from flowconv.training.checkpoints import Checkpoints
from flowconv.training.step import build_step
from tests.runs import ROOT, TINY, command_of, environment, overrides


class Run:
    """A model and its checkpoints."""

    def __init__(self, folder):
        config = default_config()
        config.update_from_flattened_dict({n: v for n, v in TINY.items() if n.startswith("model.")})
        self.step = build_step(config, build_flow(config))
        self.variables = [v.value for v in (*self.step.flow.variables, *self.step.optimizer.variables)]
        self.use(folder)

    def use(self, folder):
        """Has the checkpoints in a folder."""
        self.folder = folder
        progress = {"images_seen": self.step.images_seen}
        self.checkpoints = Checkpoints(self.step.flow, self.step.optimizer, progress, folder / "new", folder / "best")

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


@pytest.mark.parametrize("content", [None, "", "model_checkpoint_path", b"\xff\xfe\x00"])
def test_the_list_of_checkpoints_may_be_lost(run, content):
    path = run.folder / "new" / "checkpoint"
    path.unlink()
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    number, restored = run.restored()
    assert number == 3 and not restored.damaged
    run.save(4)
    assert not files(run, 2) and files(run, 3) and files(run, 4)


def test_all_of_them_damaged(run):
    for number in (2, 3):
        (run.folder / "new" / f"ckpt-{number}.index").write_bytes(b"")
    with pytest.raises(UserError, match=r"ckpt-3 can't be restored.*ckpt-2 can't be restored"):
        run.checkpoints.restore()


def test_what_a_killed_process_left_is_no_checkpoint(run):
    """TensorFlow writes to a folder, moves the data, then the index, then lists the checkpoint."""
    folder = run.folder / "new"
    shutil.copy(folder / "ckpt-3.data-00000-of-00001", folder / "ckpt-4.data-00000-of-00001")
    (folder / "ckpt-5_temp").mkdir()
    (folder / "ckpt-5_temp" / "part-00000-of-00001.data-00000-of-00001").write_bytes(b"half")
    number, restored = run.restored()
    assert number == 3 and not restored.damaged
    assert not list(folder.glob("ckpt-[45]*"))


def test_numbers_that_are_not_finite_are_not_saved(run):
    weight = run.variables[0]
    weight.assign(tf.fill(weight.shape, np.nan))
    assert run.checkpoints.save(9) is False and not files(run, 9)


def test_no_code_is_loaded(run):
    """A checkpoint is tensors: TensorFlow reads no object but strings and numbers from it."""
    reader = tf.train.load_checkpoint(str(run.folder / "new" / "ckpt-3"))
    kinds = set(reader.get_variable_to_dtype_map().values())
    assert kinds <= {tf.float32, tf.float64, tf.int32, tf.int64, tf.bool, tf.string}
    assert [n for n, t in reader.get_variable_to_dtype_map().items() if t == tf.string] == [
        "_CHECKPOINTABLE_OBJECT_GRAPH"
    ]


def test_a_full_disk_ends_in_a_line_and_leaves_the_older_ones(train, tmp_path):
    """A limit on the size of files stands for the disk."""
    assert train(tmp_path).returncode == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "checkpoints").glob("ckpt-*")}
    limit = max(len(content) for content in before.values()) // 2
    result = subprocess.run(
        command_of("train.py", f"--workdir={tmp_path}", *overrides(**{"train.images": 320})),
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
    assert train(tmp_path, **{"train.images": 320}).returncode == 0
