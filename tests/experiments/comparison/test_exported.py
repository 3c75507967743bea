"""Tables of what was trained by exported programs."""

import csv
import json

import pytest

from experiments.comparison import exported
from flowconv.errors import UserError


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
    (tmp_path / "results.jsonl").write_text(f"{line('conv1x1', 4.0)}\n\n{line('emerging', 3.5, peak_bytes=1)}\n")
    output = tmp_path / "made" / "tables"
    exported.tabulate(exported.read_trainings([str(tmp_path / "results.jsonl")]), output)
    rows = list(csv.DictReader((output / "table.csv").open()))
    assert [(row["variant"], float(row["bits_per_dim_mean"])) for row in rows] == [("conv1x1", 4.5), ("emerging", 4.0)]
    assert [float(rows[0][f"{what}_images_per_second"]) for what in ("train", "encode", "decode")] == [3.0, 4.0, 5.0]
    assert "max_condition_number" not in rows[0]
    pairs = list(csv.reader((output / "pairs.csv").open()))
    assert pairs[1] == ["emerging − conv1x1", "-0.5", "-0.5", "-0.5", "0.0"]
    about = json.loads((output / "about.json").read_text())
    assert about["dataset"] == {"name": "tens"} and about["peak_bytes"] == {"conv1x1": None, "emerging": 1}
    assert (output / "rates.png").exists()


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
