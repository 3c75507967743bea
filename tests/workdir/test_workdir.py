"""The folder of a run: its config, and what is in the way of its files."""

import json
import os

import pytest

from flowconv.config import default_config, flatten
from flowconv.errors import UserError
from flowconv.workdir import Workdir
from tests.runs import without_rights


def test_config_survives_the_workdir(tmp_path):
    config = default_config()
    config.model.depth = 7
    config.data.dir = "/data"
    workdir = Workdir(tmp_path / "a" / "b")
    workdir.check(config)
    workdir.save_config(config)
    assert dict(flatten(workdir.load_config())) == dict(flatten(config))
    workdir.check(config)  # a run may go on


def test_other_fields_than_the_model_s_may_change(tmp_path):
    workdir = Workdir(tmp_path)
    config = default_config()
    workdir.save_config(config)
    config.optimizer.learning_rate = 1.0
    config.train.batch_size = 3
    config.model.backward = "store"
    config.model.precision = "bfloat16"
    workdir.check(config)
    for field, value in (("model.levels", 2), ("data.n_bits", 5), ("model.precision", "float64")):
        other = default_config()
        other.update_from_flattened_dict({field: value})
        with pytest.raises(UserError, match=rf"{field} is .* there and {value} here"):
            workdir.check(other)


def test_json_is_whole_or_absent(tmp_path):
    workdir = Workdir(tmp_path)
    workdir.save_config(default_config())
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
    assert json.loads(workdir.config.read_text())["model"]["levels"] == 3


def test_a_check_makes_nothing(tmp_path):
    Workdir(tmp_path / "a" / "b").check(default_config())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "{", "[1, 2", "[1, 2]", "null", "3", "\xff\x00", "[" * 10**5])
def test_a_damaged_config_is_named(tmp_path, text):
    workdir = Workdir(tmp_path)
    workdir.config.write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=r"config\.json can't be read"):
        workdir.load_config()


@pytest.mark.parametrize(
    ("section", "value", "line"),
    [
        ("model", {"depth": "two"}, "model.depth='two': must be a whole number"),
        ("model", {"depth": None}, "model.depth=None: must be a whole number"),
        ("model", {"depth": [3]}, "model.depth=(3,): must be a whole number"),
        ("model", {"depth": 1.5}, "model.depth=1.5: must be a whole number"),
        ("model", {"depth": True}, "model.depth=True: must be a whole number"),
        ("model", {"depth": {"of": 3}}, "model.depth: is missing"),
        ("model", {"depth": 0}, "model.depth=0: must be at least 1"),
        ("model", {"convolution": 3}, "model.convolution=3: must be text"),
        ("model", {"convolution": "shfit"}, "model.convolution=shfit: must be one of"),
        ("model", 3, "is missing"),
        ("model", None, "is missing"),
        ("optimizer", {"learning_rate": float("nan")}, "optimizer.learning_rate=nan: must be at least 0"),
        ("optimizer", {"learning_rate": 10**400}, "optimizer.learning_rate: is too large a number"),
        ("train", {"images": 10**400}, "must be less than 2^63"),
        ("evaluation", {"temperatures": [10**400]}, ": must be numbers of at least 0"),
        ("data", {"flip": "no"}, "data.flip='no': must be true or false"),
        ("evaluation", {"temperatures": ["a"]}, "evaluation.temperatures=('a',): must be numbers"),
    ],
)
def test_a_config_with_a_wrong_field_names_it(tmp_path, section, value, line):
    workdir = Workdir(tmp_path)
    saved = default_config().to_dict()
    saved[section] = saved[section] | value if isinstance(value, dict) else value
    workdir.config.write_text(json.dumps(saved))
    with pytest.raises(UserError) as refused:
        workdir.load_config()
    said = str(refused.value)
    assert said.startswith(f"{workdir.config}: ") and line in said and "\n" not in said and "--config" not in said


def test_another_user_s_run_that_one_may_not_read_is_named(tmp_path):
    (tmp_path / "run").mkdir()
    with without_rights(tmp_path / "run"), pytest.raises(UserError, match=r"run: can't be read \(Permission denied\)$"):
        Workdir(tmp_path / "run").load_config()


@pytest.mark.parametrize("name", [None, "depth.of", "model.depth"])
def test_a_config_that_lacks_part_of_the_model_is_refused(tmp_path, name):
    saved = default_config().to_dict()
    depth = saved["model"].pop("depth")
    saved["model"] |= {name: depth} if name else {}
    (tmp_path / "config.json").write_text(json.dumps(saved | {"model.depth": depth}))
    with pytest.raises(UserError, match=r"config\.json: model\.depth: is missing"):
        Workdir(tmp_path).load_config()


def test_a_config_of_another_version_is_read_as_far_as_it_goes(tmp_path):
    saved = default_config().to_dict() | {"new": {"field": 3}, "a.b": 1}
    saved["train"] = {"batch_size": 7}
    (tmp_path / "config.json").write_text(json.dumps(saved))
    config = Workdir(tmp_path).load_config()
    assert config.train.batch_size == 7 and config.train.images == default_config().train.images


@pytest.mark.parametrize("name", ["metrics.csv", "results.json", "evaluation.json", "pictures/curve.png"])
def test_a_folder_where_a_file_is_to_be_is_set_aside(tmp_path, capsys, name):
    (tmp_path / name / "inside").mkdir(parents=True)
    with Workdir(tmp_path).alone():
        assert not (tmp_path / name).exists()
    assert (tmp_path / f"{name}.damaged" / "inside").is_dir()
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"{name} is a folder: it is kept as " in said


@pytest.mark.parametrize("name", ["tensorboard", "pictures", "checkpoints", "best"])
@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_file_where_a_folder_is_to_be_is_set_aside(tmp_path, capsys, name, before):
    for number in range(before + 1):
        (tmp_path / name).write_text(str(number))
        with Workdir(tmp_path).alone():
            assert not (tmp_path / name).exists()
    aside = f"{name}.damaged" + (f"-{before + 1}" if before else "")
    assert (tmp_path / aside).read_text() == str(before) and f"is kept as {aside}" in capsys.readouterr().err


def test_what_a_killed_process_had_begun_to_write_goes_with_the_next_run(tmp_path):
    unfinished = [tmp_path / "results.json.0123abcd.part", tmp_path / "pictures" / "curve.png.0123abcd.part"]
    (tmp_path / "pictures").mkdir()
    for path in unfinished:
        path.write_text("half")
        os.utime(path, (0, 0))
    with Workdir(tmp_path).alone():
        assert not any(path.exists() for path in unfinished)
