"""Paths that users give."""

import os
from pathlib import Path

import pytest

from flowconv.config import default_config, validate
from flowconv.errors import UserError
from flowconv.paths import given_path

REFUSED = ["", "gs://bucket/run", "s3://bucket", "file:///tmp/run", "a/" * 2000, "é" * 128, "a\0b", "\ud800"]


@pytest.mark.parametrize("path", REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_path_is_refused_by_its_flag(path):
    with pytest.raises(UserError, match=r"^--output") as refused:
        given_path("--output", path)
    assert len(str(refused.value)) < 200 and "\0" not in str(refused.value)


@pytest.mark.parametrize("path", ["a:/b", "[a]*?", "a\\b", " ", "a\nb", "été", "~x", "-", os.fsdecode(b"caf\xe9")])
def test_any_other_is_taken_as_it_is(path):
    assert given_path("--output", path) == Path(path)


def test_the_home_folder_is_meant_by_a_tilde(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert given_path("--output", "~/a~b/~") == Path("/home/somebody/a~b/~")
    assert given_path("--output", Path("~")) == Path("/home/somebody")


def test_a_current_folder_that_was_deleted_is_told(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert given_path("--output", tmp_path) == tmp_path
    with pytest.raises(UserError, match=r"^--output=run: starts from the current folder, which was deleted"):
        given_path("--output", "run")


@pytest.mark.parametrize("field", ["data.dir", "data.cache_dir"])
def test_fields_of_a_config_are_paths_too(field):
    config = default_config()
    config.update_from_flattened_dict({field: "gs://bucket"})
    with pytest.raises(UserError, match=f"^--config.{field}=gs://bucket: must be on a file system"):
        validate(config)
