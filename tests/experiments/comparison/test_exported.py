"""Tables of what was trained by exported programs."""

import csv
import json

import pytest

from experiments.comparison import exported, figures
from flowconv.config import default_config
from flowconv.errors import UserError
from flowconv.files import write_json
from flowconv.workdir import Workdir


def line(name, bits, seeds=(0, 1), **more):
    runs = [
        {
            "seed": seed,
            "images_trained": 64,
            "seconds": 1.5,
            "better_weights": "averaged",
            "test_bits_per_dim": 9.0,
            "test_bits_per_dim_ema": bits + seed,
        }
        for seed in seeds
    ]
    rates = {"train": 3.0, "encode": 4.0, "sample": 5.0}
    about = {"device": "stand-in", "jax": "0", "parameters": 7, "batch": 2, "dataset": {"name": "tens"}}
    return json.dumps(about | {"export": name, "runs": runs, "images_per_second": rates} | more)


def test_figures_are_those_of_the_better_weights_seed_by_seed(tmp_path):
    (tmp_path / "results.jsonl").write_text(
        f"{line('conv1x1', 4.0)}\n\n{line('emerging', 3.5, peak_bytes=1, device='another')}\n"
    )
    output = tmp_path / "made" / "tables"
    exported.tabulate(exported.read_trainings([str(tmp_path / "results.jsonl")]), output)
    rows = list(csv.DictReader((output / "table.csv").open()))
    assert [(row["variant"], float(row["bits_per_dim_mean"])) for row in rows] == [("conv1x1", 4.5), ("emerging", 4.0)]
    assert [float(rows[0][f"{what}_images_per_second"]) for what in ("train", "encode", "decode")] == [3.0, 4.0, 5.0]
    assert "max_condition_number" not in rows[0]
    pairs = list(csv.reader((output / "pairs.csv").open()))
    assert pairs[1] == ["emerging − conv1x1", "-0.5", "-0.5", "-0.5", "0.0"]
    about = json.loads((output / "about.json").read_text())
    assert about["machine"] == "stand-in, jax 0 and another, jax 0"
    assert about["dataset"] == {"name": "tens"} and about["peak_bytes"] == {"conv1x1": None, "emerging": 1}
    assert (output / "rates.png").exists()


def write_runs(folder, bits, images=64):
    """Two finished runs of train.py, in the order of names that seeds don't have."""
    for name, seed in (("a", 1), ("b", 0)):
        workdir = Workdir(folder / name)
        workdir.path.mkdir(parents=True)
        config = default_config()
        config.train.batch_size = 2
        workdir.save_config(config)
        results = json.loads(line("x", bits, seeds=(seed,)))["runs"][0]
        of_run = {"seed": seed, "images_trained": images, "parameters": 7, "max_condition_number": 2.0 + seed}
        write_json(
            workdir.results,
            results | of_run | {"dataset": {}, "world_size": 3, "versions": {"tensorflow": "2.18"}},
        )
        write_json(workdir.sessions, [{"machine": "two cores"}])
    (folder / "unfinished").mkdir()


def test_runs_of_train_stand_beside_those_that_were_trained_elsewhere(tmp_path):
    """By their folder's name and in the order of seeds, with figures that exports don't have."""
    (tmp_path / "results.jsonl").write_text(line("conv1x1", 4.0))
    write_runs(tmp_path / "two rounds", 3.0)
    paths = [str(tmp_path / name) for name in ("results.jsonl", "two rounds")]
    trainings = exported.read_trainings(paths)
    assert trainings["two rounds"]["batch"] == 6
    rates = {name: dict.fromkeys(exported.RATES, 6.4) for name in trainings}
    rows = exported.tabulate(trainings, tmp_path / "tables", rates=rates)
    assert [row["bits_per_dim_mean"] for row in rows] == [4.5, 3.5] and rows[1]["max_condition_number"] == 3.0
    assert list(csv.reader((tmp_path / "tables" / "pairs.csv").open()))[1][1:3] == ["-1.0", "-1.0"]
    about = json.loads((tmp_path / "tables" / "about.json").read_text())
    assert about["machine"] == "stand-in, jax 0 and two cores, tensorflow 2.18"
    del trainings["conv1x1"]
    (row,) = exported.tabulate(trainings, tmp_path / "after", 10.0, rates)  # in which it sees its 64 images
    assert row["bits_per_dim_mean"] == 3.5
    with pytest.raises(
        UserError, match=r"^--seconds: two rounds sees 70 images in them, and was evaluated after \[64\]"
    ):
        exported.tabulate(trainings, tmp_path / "later", 11.0, rates)


def test_a_folder_without_finished_runs_is_refused(tmp_path):
    (tmp_path / "shift" / "unfinished").mkdir(parents=True)
    with pytest.raises(UserError, match=r"^--results=.*shift: holds no finished run of train.py, one a seed$"):
        exported.read_trainings([str(tmp_path / "shift")])


def test_after_equal_seconds_a_slower_model_has_seen_fewer_images(tmp_path):
    """Between two evaluations the figure lies between theirs."""
    trainings = {name: json.loads(line(name, 4.0, seeds=(0,))) for name in ("fast", "slow")}
    for name, rate in {"fast": 4.0, "slow": 3.0}.items():
        trainings[name]["images_per_second"]["train"] = rate
        trainings[name]["runs"][0]["evaluations"] = [
            {"images_trained": images, "better_weights": "raw", "test_bits_per_dim": 8.0 - images / 10}
            for images in (10, 20, 40)
        ]
    rows = exported.tabulate(trainings, tmp_path, 10.0)
    assert [(row["images_trained"], row["bits_per_dim_mean"]) for row in rows] == [(40, 4.0), (30, pytest.approx(5.0))]
    with pytest.raises(UserError, match=r"^--seconds: fast sees 44 images in them, and was evaluated after \[10, 20,"):
        exported.tabulate(trainings, tmp_path, 11.0)


def with_evaluations(training, counts=(16, 32, 64), average=True):
    """A training that was evaluated after so many images, from each seed."""
    for run in training["runs"]:
        run["evaluations"] = [
            {"images_trained": count, "better_weights": "raw", "test_bits_per_dim": 9.0, exported.SCORES[0]: 64 / count}
            | ({exported.SCORES[1]: 32 / count} if average else {})
            for count in counts
        ]
    return training


def test_curves_are_over_seconds_at_the_rates_of_the_table(tmp_path, monkeypatch):
    """Of the better weights; a model that was evaluated once has none."""
    drawn = {}
    monkeypatch.setattr(exported, "draw_curves", lambda path, curves, over: drawn.update(curves, path=path, over=over))
    trainings = {
        "both": with_evaluations(json.loads(line("both", 4.0))),
        "raw": with_evaluations(json.loads(line("raw", 4.0)), average=False),
        "once": with_evaluations(json.loads(line("once", 4.0)), (64,)),
    }
    rates = {name: dict.fromkeys(exported.RATES, rate) for name, rate in {"both": 4.0, "raw": 8.0, "once": 1.0}.items()}
    exported.tabulate(trainings, tmp_path, rates=rates)
    assert (drawn.pop("path"), drawn.pop("over")) == (tmp_path / "curves.png", "seconds")
    assert [(name, len(runs)) for name, runs in drawn.items()] == [("both", 2), ("raw", 2)]
    points = {name: [(row["seconds"], figures._better(row)) for row in runs[1]] for name, runs in drawn.items()}
    assert points == {"both": [(4.0, 2.0), (8.0, 1.0), (16.0, 0.5)], "raw": [(2.0, 4.0), (4.0, 2.0), (8.0, 1.0)]}


def test_there_are_curves_where_there_are_evaluations(tmp_path):
    training = json.loads(line("shift", 4.0))
    exported.tabulate({"shift": training}, tmp_path)
    assert not (tmp_path / "curves.png").exists()
    exported.tabulate({"shift": with_evaluations(training)}, tmp_path)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_learning_rates_that_were_tried_are_told(tmp_path):
    tried = {"learning_rate_trials": {"0.5": 4.5, "2": 4.0, "4": float("inf")}, "learning_rate_factor": 2.0}
    trainings = {"tuned": json.loads(line("tuned", 4.0, **tried)), "other": json.loads(line("other", 4.0))}
    exported.tabulate(trainings, tmp_path)
    rows = list(csv.DictReader((tmp_path / "table.csv").open()))
    assert [row["learning_rate_factor"] for row in rows] == ["2.0", ""]
    about = json.loads((tmp_path / "about.json").read_text())
    assert about["learning_rate_trials"] == {"tuned": {"0.5": 4.5, "2": 4.0, "4": None}, "other": None}
    assert about["learning_rate_factor"] == {"tuned": 2.0, "other": None}
    exported.tabulate({"other": trainings["other"]}, tmp_path)
    assert "learning_rate" not in (tmp_path / "about.json").read_text() + (tmp_path / "table.csv").read_text()


@pytest.mark.parametrize("rates", [{}, {"images_per_second": {"train": 3.0, "encode": 4.0}}])
def test_what_was_not_exported_has_no_rate_of_its_own(rates, tmp_path):
    training = json.loads(line("maf", 4.0))
    training.pop("images_per_second")
    (tmp_path / "results.jsonl").write_text(json.dumps(training | rates))
    trainings = exported.read_trainings([str(tmp_path / "results.jsonl")])
    with pytest.raises(UserError, match=r"^--rates is missing: maf has no rate of (train|sample), which was not measu"):
        exported.tabulate(trainings, tmp_path)
    elsewhere = dict.fromkeys(exported.RATES, 5.0)
    (row,) = exported.tabulate(trainings, tmp_path, rates={"maf": elsewhere})
    assert {name: row[name] for name in exported.RATES} == elsewhere


def test_rates_of_another_machine(tmp_path):
    trainings = {name: json.loads(line(name, 4.0)) for name in ("nice", "shift:border=conveyor")}
    names = ",".join(exported.RATES)
    table = tmp_path / "rates.csv"
    table.write_text(f"variant,{names}\nother,7,8,9\nshift:border=conveyor,1,2,3\nnice,4,5,6\n")
    rows = exported.tabulate(trainings, tmp_path, rates=exported.read_rates(str(table), list(trainings)))
    assert [[row[name] for name in exported.RATES] for row in rows] == [[4.0, 5.0, 6.0], [1.0, 2.0, 3.0]]
    right = r"must be a table.csv of compare.py with all that are compared \('shift'\)$"
    with pytest.raises(UserError, match=rf"^--rates=.*rates.csv: {right}"):
        exported.read_rates(str(table), ["nice", "shift"])


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "has no line of a training"),
        ("{}", "must hold lines that run_exported_step.py --images=… printed, got '{}'"),
        ("[1]", "must hold lines"),
        ("no JSON", "must hold lines"),
        (line("a", 4.0, runs=[]), "must hold lines"),
        (line("a", 4.0, runs=[{"seed": 0}]), "must hold lines"),
        (f"{line('a', 4.0)}\n{line('a', 4.0)}", "has a twice"),
        (f"{line('a', 4.0)}\n{line('b', 4.0, seeds=(0,))}", r"b has the seeds \[0\], a has \[0, 1\]"),
    ],
)
def test_what_is_no_training_is_refused(text, error, tmp_path):
    (tmp_path / "results.jsonl").write_text(text)
    with pytest.raises(UserError, match=rf"^--results=.*results.jsonl: {error}"):
        exported.read_trainings([str(tmp_path / "results.jsonl")])


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"^--results=.*none.jsonl: can't be read"):
        exported.read_trainings([f"{tmp_path}/none.jsonl"])
