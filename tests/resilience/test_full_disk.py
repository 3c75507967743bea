"""A disk that is full when a run, or a program that uses one, writes a file."""

import contextlib
import errno
import os
import resource
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from flowconv import preflight
from flowconv.cli.command import Command
from flowconv.config import default_config
from flowconv.data import cache
from flowconv.errors import UserError
from flowconv.evaluation import pictures
from flowconv.files import lacks_room
from flowconv.training import run
from flowconv.training import train as training
from flowconv.training.checkpoints import Checkpoints
from flowconv.training.progress import Progress
from flowconv.training.sinks.tensorboard import TensorBoard
from flowconv.training.writers import MetricsFile
from flowconv.workdir import Workdir
from tests.runs import FULL, saved_variables

SMALL = {
    "model.levels": 1,
    "model.depth": 1,
    "model.width": 2,
    "data.name": "folder",
    "data.image_size": 8,
    "train.batch_size": 16,
    "train.initialization_images": 16,
    "train.images": 64,
    "train.evaluate_images": 32,
    "optimizer.warmup_images": 0,
    "evaluation.samples": 1,
    "evaluation.temperatures": (0.7,),
}
# Who writes a file, and in which of its calls the disk is full.
NEEDED = {
    "decoded images": (cache, "write", 1),
    "config.json": (Workdir, "save_config", 1),
    "metrics.csv": (MetricsFile, "__init__", 1),
    "the first checkpoint": (Checkpoints, "save", 1),
    "a row of metrics.csv": (MetricsFile, "write", 2),
    "the best checkpoint": (Checkpoints, "save_best", 1),
    "the last checkpoint": (Checkpoints, "save", 2),
    "results.json": (run, "write_json", 1),
}
DISPENSABLE = {
    "TensorBoard's file": (TensorBoard, "__init__", 1),
    "TensorBoard's pictures": (TensorBoard, "image", 1),
    "samples": (pictures, "save", 1),
    "pictures at the end": (pictures, "save", 4),
    "the curve": (pictures, "save_figure", 1),
}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for number in range(30):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def train(folder, images):
    """A run below `folder`, its cache too."""
    config = default_config()
    config.update_from_flattened_dict(SMALL | {"data.dir": str(images), "data.cache_dir": str(folder / "cache")})
    return training.train(config, folder / "run")


@pytest.fixture(scope="module")
def whole(tmp_path_factory, images):
    """What a run reaches that nothing happens to."""
    return train(tmp_path_factory.mktemp("whole"), images)


@pytest.fixture(autouse=True)
def a_row_a_step(monkeypatch):
    monkeypatch.setattr(Progress, "due", lambda progress: True)


def when_written(monkeypatch, owner, name, call, full_disk):
    """Has the disk be full, within `full_disk`, when `owner` writes for the so-manieth time."""
    original, calls = getattr(owner, name), []

    def write(*arguments, **keywords):
        calls.append(name)
        with full_disk() if len(calls) == call else contextlib.nullcontext():
            return original(*arguments, **keywords)

    monkeypatch.setattr(owner, name, write)


@contextlib.contextmanager
def no_file_may_grow():
    """A limit stands for the disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def seen_by_the_newest_checkpoint(folder):
    return int(saved_variables(folder / "run")["progress/images_seen"])


def goes_on(folder, images, whole):
    """Once there is room again, to the same end."""
    results = train(folder, images)
    for name in ("test_bits_per_dim", "test_bits_per_dim_ema", "best_at_images", "images_trained"):
        assert results[name] == whole[name], name
    assert not [path for path in (folder / "run").rglob("*") if path.suffix in (".part", ".whole")]


@pytest.mark.parametrize("file", NEEDED if FULL else ["the best checkpoint"])
def test_the_run_ends_in_a_line_that_names_the_file_and_saves_what_it_can(tmp_path, monkeypatch, images, whole, file):
    with monkeypatch.context() as patch:
        when_written(patch, *NEEDED[file], no_file_may_grow)
        with pytest.raises(UserError) as ended:
            train(tmp_path, images)
    assert lacks_room(ended.value) and str(tmp_path) in str(ended.value) and "\n" not in str(ended.value)
    assert "memory" not in str(ended.value)
    saved = {"a row of metrics.csv": 32, "the best checkpoint": 32, "the last checkpoint": 64, "results.json": 64}
    if file in saved:
        assert seen_by_the_newest_checkpoint(tmp_path) == saved[file]
    goes_on(tmp_path, images, whole)


@pytest.mark.parametrize("file", DISPENSABLE if FULL else ["TensorBoard's file"])
def test_pictures_and_tensorboard_are_given_up_in_a_line(tmp_path, monkeypatch, capsys, images, whole, file):
    with monkeypatch.context() as patch:
        when_written(patch, *DISPENSABLE[file], no_file_may_grow)
        results = train(tmp_path, images)
    warnings = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 1 and lacks_room(Exception(warnings[0])), warnings
    assert results["test_bits_per_dim"] == whole["test_bits_per_dim"]
    assert not list((tmp_path / "run").rglob("*.part"))


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """A small disk of its own, on which a run is let nevertheless."""
    monkeypatch.setattr(preflight.checks, "RECORDS_BYTES", 0)
    path = tmp_path / "disk"
    path.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", path], capture_output=True).returncode:
        pytest.skip("no disk may be mounted here")
    yield path
    subprocess.run(["umount", "--lazy", path], check=True)


@contextlib.contextmanager
def filled(disk, parts):
    """Leaves one of so many parts of a disk free, for good."""
    sizes = os.statvfs(disk)
    with open(disk / "filler", "wb") as file:
        file.write(bytes(sizes.f_frsize * (sizes.f_bavail - sizes.f_blocks // parts)))
    yield


@pytest.mark.parametrize("file", list(NEEDED | DISPENSABLE) if FULL else ["a row of metrics.csv"])
def test_a_disk_of_which_a_hundredth_is_left(disk, monkeypatch, images, whole, file):
    """What is dispensable is given up, and what comes next ends the run, if it needs more room than that."""
    with monkeypatch.context() as patch:
        when_written(patch, *(NEEDED | DISPENSABLE)[file], lambda: filled(disk, 100))
        try:
            train(disk, images)
        except UserError as ended:
            assert lacks_room(ended) and str(disk) in str(ended) and "\n" not in str(ended)
            assert "memory" not in str(ended)
    (disk / "filler").unlink()
    goes_on(disk, images, whole)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "out/model"),
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
        tf.errors.ResourceExhaustedError(
            None, None, "{{node x}} out/model; No space left on device\n\tmore [Op:SaveV2]"
        ),
    ],
)
def test_any_program_ends_in_a_line_with_status_2(monkeypatch, capsys, error):
    """Whatever it writes: samples, scores, a table, an exported model."""
    monkeypatch.setattr("sys.argv", ["program"])
    monkeypatch.delitem(sys.modules, "horovod")

    def act(given):
        raise error

    with pytest.raises(SystemExit) as ended:
        Command(act, "A program.")()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: a disk is full (") and lacks_room(Exception(line)) and "{{" not in line
