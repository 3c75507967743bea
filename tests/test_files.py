"""Files that are whole or as they were before."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from flowconv.errors import Interrupted, UserError
from flowconv.evaluation import pictures
from flowconv.files import lacks_room, remove_unfinished, write_bytes, write_json, write_text

WRITERS = {
    "text": lambda path: write_text(path, "new"),
    "bytes": lambda path: write_bytes(path, b"new"),
    "json": lambda path: write_json(path, {"new": 1}),
    "picture": lambda path: pictures.save(path, np.zeros([4, 4, 3], np.uint8)),
}


@pytest.mark.parametrize("before", [None, b"old"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_that_cannot_be_written_is_as_it_was(tmp_path, monkeypatch, writer, number, before):
    path = tmp_path / "file"
    if before is not None:
        path.write_bytes(before)

    def write_half(path, content, original=Path.write_bytes):
        original(path, content[: len(content) // 2])
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as full_disk, pytest.raises(UserError) as refused:
        full_disk.setattr(Path, "write_bytes", write_half)
        WRITERS[writer](path)
    assert str(refused.value) == f"{path} can't be written: {os.strerror(number)}"
    assert lacks_room(refused.value) == (number != errno.EIO)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == ([("file", before)] if before else [])


@pytest.mark.parametrize("writer", WRITERS)
def test_a_folder_in_its_place_is_named_and_nothing_is_left(tmp_path, writer):
    (tmp_path / "file" / "inside").mkdir(parents=True)
    with pytest.raises(UserError, match="file can't be written: Is a directory"):
        WRITERS[writer](tmp_path / "file")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_names_of_files_keep_their_bytes(tmp_path):
    write_text(tmp_path / "list", os.fsdecode(b"caf\xe9"))
    assert (tmp_path / "list").read_bytes() == b"caf\xe9"


def test_memory_that_is_exhausted_is_no_full_disk():
    said = "OOM when allocating tensor with shape[9,9] and type float on CPU"
    assert not lacks_room(tf.errors.ResourceExhaustedError(None, None, said))
    assert lacks_room(tf.errors.ResourceExhaustedError(None, None, "/run/events.v2; No space left on device"))


def test_what_another_process_writes_at_the_same_time_is_whole_too(tmp_path, monkeypatch):
    path, begun = tmp_path / "file", []

    def write_while_another_does(temporary, content):
        with temporary.open("wb") as file:
            begun.append(temporary.name)
            if len(begun) == 1:
                write_bytes(path, b"of the other one")
                assert path.read_bytes() == b"of the other one"
            file.write(content)

    monkeypatch.setattr(Path, "write_bytes", write_while_another_does)
    write_bytes(path, b"mine")
    assert len(set(begun)) == 2
    assert path.read_bytes() == b"mine" and os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("name", ["x" * 255, "ü" * 127 + "x", "x" + "ü" * 127], ids=["ascii", "even", "odd"])
def test_a_name_may_be_as_long_as_the_file_system_takes(tmp_path, name):
    write_text(tmp_path / name, "new")
    assert os.listdir(tmp_path) == [name] and (tmp_path / name).read_text() == "new"


def test_a_write_that_is_stopped_leaves_nothing(tmp_path, monkeypatch):
    def stop(path, content, original=Path.write_bytes):
        original(path, content[:1])
        raise Interrupted("stopped by SIGTERM", 15)

    monkeypatch.setattr(Path, "write_bytes", stop)
    with pytest.raises(Interrupted):
        write_bytes(tmp_path / "file", b"new")
    assert not os.listdir(tmp_path)


def test_what_killed_processes_had_begun_is_removed_when_it_is_old(tmp_path):
    """Not what somebody may be writing, and no file of another name."""
    killed = {}
    for age in ("old", "new"):
        with pytest.MonkeyPatch.context() as killing:
            killing.setattr(Path, "replace", lambda *_: None)
            before = set(os.listdir(tmp_path))
            write_bytes(tmp_path / age, b"half")
            (killed[age],) = set(os.listdir(tmp_path)) - before
    (tmp_path / "film.mp4.part").write_bytes(b"")
    for name in (killed["old"], "film.mp4.part"):
        os.utime(tmp_path / name, (0, 0))
    remove_unfinished(tmp_path)
    remove_unfinished(tmp_path / "not there")
    assert set(os.listdir(tmp_path)) == {killed["new"], "film.mp4.part"}
