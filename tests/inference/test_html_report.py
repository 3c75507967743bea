"""A run as one HTML file, and as a table in the terminal."""

import json
import re
import shutil
from pathlib import Path

import pytest

from flowconv.config import default_config
from flowconv.errors import UserError
from flowconv.files import write_json
from flowconv.inference.html_report import write_report
from flowconv.training.summary import print_table
from flowconv.workdir import Workdir

BOUNDS = {
    "importance_samples": 16,
    "test_bits_per_dim_importance_weighted": 5.4321,
    "test_bits_per_dim_ema_importance_weighted": 5.1234,
}


@pytest.fixture
def folded(finished_run, tmp_path):
    """A run that was evaluated and not trained, as a folded one is: config.json, best/, pictures/, evaluation.json."""
    workdir = Workdir(tmp_path / "folded")
    for part in ("best", "pictures"):
        shutil.copytree(finished_run[0] / part, workdir.path / part)
    shutil.copy(finished_run[0] / "config.json", workdir.config)
    results = json.loads((finished_run[0] / "results.json").read_text())
    training = ("images_trained", "images_per_second", "seconds")
    write_json(workdir.evaluation, {name: value for name, value in results.items() if name not in training} | BOUNDS)
    return workdir


def test_a_folded_run_has_a_report_with_its_tighter_bounds(folded):
    text = write_report(folded, folded.path / "report.html").read_text(encoding="utf-8")
    assert "5.4321" in text and "5.1234" in text and ">16<" in text and "photos/16x16" in text


def test_an_evaluation_adds_its_bounds_to_the_results_of_training(folded):
    evaluated = json.loads(folded.evaluation.read_text())
    write_json(
        folded.results, {name: value for name, value in evaluated.items() if name not in BOUNDS} | {"seed": 4321}
    )
    text = write_report(folded, folded.path / "report.html").read_text(encoding="utf-8")
    assert "5.4321" in text and "4,321" in text


@pytest.mark.parametrize("text", ["", "[]", "{}", "3", '{"dataset": 3}', "\0"])
def test_damaged_results_are_named(folded, text):
    folded.evaluation.write_text(text)
    with pytest.raises(UserError, match=re.escape(str(folded.path))) as refused:
        write_report(folded, folded.path / "report.html")
    assert "\n" not in str(refused.value) and not (folded.path / "report.html").exists()


def test_a_run_without_results_has_no_report(folded):
    folded.evaluation.unlink()
    with pytest.raises(UserError, match="has no results yet"):
        write_report(folded, folded.path / "report.html")


def test_the_table_names_only_what_is_there(folded, finished_run, capsys):
    for workdir, parts in ((folded, {"best"}), (Workdir(finished_run[0]), {"best", "checkpoints", "metrics.csv"})):
        print_table(json.loads((finished_run[0] / "results.json").read_text()), workdir)
        printed = capsys.readouterr().out
        named = {Path(path) for path in re.findall(rf"{re.escape(str(workdir.path))}[^,\s]*", printed)}
        assert all(path.exists() for path in named), printed
        assert {path.name for path in named} - {"pictures", "tensorboard"} == parts


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
