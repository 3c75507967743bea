"""Files of a run that were damaged, tampered with, or written by another version."""

import json
from types import SimpleNamespace

import pytest

from flowconv.config import default_config
from flowconv.errors import UserError
from flowconv.inference.html_report import write_report
from flowconv.training import preflight
from flowconv.training.cgroups import memory_limit
from flowconv.training.metrics import COLUMNS, MetricsFile, read_metrics
from flowconv.training.workdir import Workdir


@pytest.mark.parametrize("text", ["", "{", "[1, 2", "[1, 2]", "null", "3", "\xff\x00"])
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


HEADER = ",".join(COLUMNS).encode()
DAMAGED = {  # and how many of its rows can be read
    "binary": (bytes(range(256)) * 4, 0),
    "utf-16": ("images\n1\n".encode("utf-16") + b"\n", 0),
    "word": (HEADER + b"\n10,1,4,,,,,\nten,1,4,,,,,\n", 1),
    "float": (HEADER + b"\n10,1,4,,,,,\n10.5,1,4,,,,,\n", 1),
    "negative": (HEADER + b"\n-10,1,4,,,,,\n", 0),
    "huge": (HEADER + b"\n10,1,4,,,,,\n" + b"9" * 200_000 + b",1,4,,,,,\n", 1),
    "header twice": (HEADER + b"\n" + HEADER + b"\n10,1,4,,,,,\n", 1),
    "column twice": (b"images,images\n1,1\n", 0),
    "no header": (b"10,1,4,,,,,\n", 0),
    "short line": (HEADER + b"\n10,1\n20,1,4,,,,,\n", 1),
    "two in one": (HEADER + b"\n10,1,4,,,10,1,4,,,,,\n20,1,4,,,,,\n", 1),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_metrics_are_set_aside_and_the_run_goes_on(tmp_path, capsys, kind):
    content, readable = DAMAGED[kind]
    path = tmp_path / "metrics.csv"
    path.write_bytes(content)
    assert len(read_metrics(path)) == readable
    MetricsFile(path, 100, evaluated=100).write({"images": 100})
    assert len(read_metrics(path)) == readable + 1
    assert (tmp_path / "metrics.csv.damaged").read_bytes() == content
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "metrics.csv.damaged" in said


@pytest.mark.parametrize("columns", [COLUMNS[:5], (*COLUMNS, "new"), COLUMNS[::-1]])
def test_metrics_with_other_columns_keep_their_rows(tmp_path, capsys, columns):
    path = tmp_path / "metrics.csv"
    path.write_text("".join(",".join(row) + "\n" for row in (columns, *[["10"] * len(columns)] * 5)))
    MetricsFile(path, 100, 100).write({"images": 20, "gradient_norm": 2.0})
    rows = read_metrics(path)
    assert len(rows) == 6 and rows[5]["gradient_norm"] == 2.0 and rows[0]["bits_per_dim"] == 10.0
    assert ("gradient_norm" in columns) == (rows[0]["gradient_norm"] is not None)
    assert set(columns) <= set(path.read_text().splitlines()[0].split(","))
    assert not capsys.readouterr().err and not (tmp_path / "metrics.csv.damaged").exists()


@pytest.mark.parametrize("results", [[3], 3, {"dataset": 3}, {"dataset": {"name": "x"}}, {"versions": 3}])
def test_a_report_of_what_is_no_result_is_refused(tmp_path, results):
    workdir = Workdir(tmp_path)
    workdir.save_config(default_config())
    workdir.results.write_text(json.dumps(results))
    with pytest.raises(UserError, match=r"results can't be read"):
        write_report(workdir, tmp_path / "report.html")


def test_a_report_of_another_version_s_results_goes_as_far_as_they_do(tmp_path):
    workdir = Workdir(tmp_path)
    workdir.save_config(default_config())
    workdir.results.write_text(json.dumps({"parameters": None, "seed": 3, "new": []}))
    assert "<th>seed</th><td>3</td>" in write_report(workdir, tmp_path / "report.html").read_text()


GROUPS = {
    "version 2": ("0::/job/step\n", "job/step/memory.max"),
    "version 2, around": ("0::/job/step\n", "job/memory.max"),
    "version 2, in a container": ("0::/\n", "memory.max"),
    "version 1": ("4:cpu:/x\n9:memory:/slurm/job\n0::/x\n", "memory/slurm/job/memory.limit_in_bytes"),
    "version 1, around": ("9:memory:/slurm/job\n", "memory/slurm/memory.limit_in_bytes"),
    "version 1, in a container": ("9:memory:/docker/of/host\n", "memory/memory.limit_in_bytes"),
}


@pytest.mark.parametrize("kind", GROUPS)
def test_the_limit_of_a_scheduler_is_found(tmp_path, kind):
    groups, file = GROUPS[kind]
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(groups)
    path = tmp_path / "sys/fs/cgroup" / file
    path.parent.mkdir(parents=True)
    path.write_text("max\n")
    assert memory_limit(tmp_path) == float("inf")
    path.write_text("12345\n")
    assert memory_limit(tmp_path) == 12345


def test_a_disk_with_room_for_nothing_is_told(tmp_path, monkeypatch):
    config = default_config()
    config.model.width = 1
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(total=2**31, free=64 * 1024))
    (row,) = (row for row in preflight.examine(config, Workdir(tmp_path)) if row.name == "disk")
    assert row.wrong and "free some space" in row.found
