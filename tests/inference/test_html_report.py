"""A run as one HTML file, and as a table in the terminal."""

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from flowconv.config import changed, default_config
from flowconv.errors import UserError
from flowconv.evaluation import pictures
from flowconv.files import write_json
from flowconv.inference.html_report import write_report
from flowconv.inference.svg_chart import Line, chart, short, ticks
from flowconv.training.summary import print_table
from flowconv.workdir import Workdir, sessions
from tests.browser import BROWSER, DRIVER, MISSING, Browser
from tests.runs import in_full

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


@pytest.mark.parametrize("newer", ["evaluation", "results"])
def test_figures_of_other_weights_do_not_stand_in_one_table(newer, folded):
    """Of a run that was finished, went on and was evaluated, or went on after it was evaluated: the newer ones."""
    evaluated = json.loads(folded.evaluation.read_text())
    trained = {name: value for name, value in evaluated.items() if name not in BOUNDS}
    write_json(folded.results, trained | {"seed": 4321, "best_at_images": 80})
    for name in ("evaluation", "results"):
        os.utime(getattr(folded, name), (0, 1 if name == newer else 0))
    text = write_report(folded, folded.path / "report.html").read_text(encoding="utf-8")
    assert ("5.4321" in text, "4,321" in text) == (newer == "evaluation", newer == "results")


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


METRICS = """images,seconds,bits_per_dim,validation_bits_per_dim,validation_bits_per_dim_ema,learning_rate,gradient_norm
16,1,7.5,,,0.0005,3.5
32,2,5.5,,,0.001,2.5
32,2,,5.75,6.25,,
48,3,4.5,,,0.001,1.5
64,4,4.25,,,0.001,inf
64,4,,4.5,5.0,,
"""


def made(path, bits_per_dim=3.5, **fields):
    """A finished run without weights, as its files have it."""
    workdir = Workdir(path)
    workdir.pictures.mkdir(parents=True)
    workdir.save_config(changed(default_config(), fields))
    dataset = {"name": "photos", "version": "1.0.0", "train": 8, "validation": 1, "test": 1, "note": ""}
    results = {"dataset": dataset, "test_bits_per_dim": bits_per_dim, "better_weights": "raw", "best_at_images": 64}
    write_json(workdir.results, results | {"parameters": 1234, "images_trained": 64})
    workdir.metrics.write_text(METRICS)
    matrices = {f"condition_number/level {level}, step {step:02}": 2.0**step for level in (1, 2) for step in range(4)}
    write_json(workdir.health, {"images": 64, "health/max_condition_number": 8.0, "health/min_alpha": 0.5} | matrices)
    sessions.begin(workdir, 0, 2, "2 of 2 cores of node")
    sessions.end(workdir, finished=True)
    return workdir


def draw(workdir, name, title="", step=64):
    facts = {"Title": title, "step": step}
    pictures.save(workdir.pictures / f"{name}.png", np.zeros((16, 16, 3), np.uint8), facts)


@pytest.fixture
def page(tmp_path):
    """The report of a run that has everything."""
    workdir = made(tmp_path / "runs/photos")
    for temperature in ("1", "0.5", "10", "0"):
        draw(workdir, f"samples-temperature-{temperature}", f"samples at temperature {temperature}")
    draw(workdir, "reconstructions", "Through the latents and back")
    draw(workdir, "interpolation", "From image to image", step=16)
    draw(workdir, "curve")
    draw(workdir, "samples-000000064")
    made(tmp_path / "runs/better", 3.25, **{"model.convolution": "conv1x1"})
    made(tmp_path / "runs/worse", 3.75)
    return write_report(workdir, tmp_path / "report.html")


def test_the_summary_stands_first_and_all_else_in_order(page):
    text = page.read_text()
    assert text.index("3.5000 bits/dim on the test split") < text.index("<main>")
    order = (
        "Curves",
        "Samples by temperature",
        "Reconstructions",
        "Health of the layers",
        "Other runs on these images",
    )
    order += ("Figures of the test split", "How it was made", "More pictures", "Config")
    assert re.findall("<h2>(.*?)</h2>", text) == list(order)


def test_samples_stand_in_the_order_of_their_temperatures(page):
    text = page.read_text()
    assert re.findall("alt='samples at temperature (.*?)'", text) == ["0", "0.5", "1", "10"]
    assert text.count("<img") == 6  # neither the curve, which is drawn anew, nor a picture of the way there


def test_a_picture_of_other_weights_is_told(page):
    assert "From image to image: of other weights than the results, after 16 training images" in page.read_text()


def test_who_made_it_by_what_where_and_when(page):
    text = page.read_text()
    command = re.search("<th>command</th><td><code>(.*?)</code></td>", text)[1]
    assert command.startswith("horovodrun -np 2 python ")
    assert re.search(r"<th>machine</th><td>2 of 2 cores of node, \w+ \w+</td>", text)
    for what in ("started", "ended"):
        assert re.search(rf"<th>{what}</th><td>20\d\d-\d\d-\d\d \d\d:\d\d", text)


def test_the_command_that_trained_it_is_told_not_one_that_found_it_finished(tmp_path):
    workdir = made(tmp_path / "run")
    sessions.begin(workdir, 64, 1, "another machine")
    sessions.end(workdir, finished=True)
    text = write_report(workdir, tmp_path / "report.html").read_text()
    assert "2 of 2 cores of node" in text and "another machine" not in text and "<th>sessions</th>" not in text


def test_runs_beside_it_are_compared_best_first(page, tmp_path):
    text = page.read_text()
    table = re.search("aria-label='other runs'>(.*?)</table>", text)[1]
    assert re.findall("<th>([^<]*)</th><td", table) == ["better", "photos (this run)", "worse"]
    assert "-0.2500" in table and "+0.2500" in table and "conv1x1 convolutions" in table
    other = Workdir(tmp_path / "runs/better")  # of other images
    results = json.loads(other.results.read_text())
    write_json(other.results, results | {"dataset": results["dataset"] | {"test": 2}})
    (tmp_path / "runs/worse/config.json").write_text("damaged")
    assert "Other runs" not in write_report(Workdir(tmp_path / "runs/photos"), page).read_text()


def test_curves_have_words_for_who_does_not_see_them(page):
    said = re.findall("role='img' aria-label='(.*?)'", page.read_text())
    assert said[0].endswith(
        "training from 7.5 to 4.25; validation from 5.75 to 4.5; validation, averaged weights from 6.25 to 5"
    )
    assert said[2].endswith("gradient norm from 3.5 to 1.5")  # what isn't finite is left out
    assert len(said) == 4


def axes(text):
    """Returns the words at the upright axis of each chart."""
    return re.findall(r"rotate\(-90 [^>]*>(.*?)</text>", text)


def test_losses_of_noisy_images_are_called_so(page, tmp_path):
    """They are no bits/dim of 8-bit images; those of validation and test are."""
    assert axes(page.read_text())[:3] == ["bits/dim", "", "bits/dim"]
    noisy = {"model.dequantization": "gaussian", "model.preprocessing": "centre"}
    workdir = made(tmp_path / "runs/noisy", **noisy)
    workdir.metrics.write_text(METRICS.replace(",bits_per_dim,", ",bits_per_dim_of_noisy_images,", 1))
    text = write_report(workdir, page).read_text()
    said = re.findall("role='img' aria-label='(.*?)'", text)
    assert "training, bits/dim of noisy images from 7.5 to 4.25; validation from" in said[0]
    assert axes(text)[:3] == ["bits/dim", "", "bits/dim of noisy images"]
    assert "3.5000 bits/dim on the test split" in text


@pytest.mark.parametrize("points", [0, 1, 2, 10_000])
def test_any_number_of_points_is_drawn(points):
    drawn = chart("title", [Line("line", range(points), [2.0] * points)], "x", "y")
    assert drawn.count("<polyline") == (points > 0) and drawn.count(",") < 1000


@pytest.mark.parametrize(("low", "high"), [(0, 1), (3.1, 3.2), (-1e-9, 1e-9), (0, 5e7), (1e-4, 1e-3), (-7, 12345.6)])
def test_ticks_are_round_and_within(low, high):
    found = ticks(low, high)
    assert 3 <= len(found) <= 8 and low - 1e-12 <= found[0] and found[-1] <= high + 1e-6 * (high - low)
    assert all(len(short(value).lstrip("-")) <= 7 for value in found)


@pytest.fixture(scope="module")
def browser():
    if not (DRIVER and BROWSER):
        pytest.skip(MISSING)
    with Browser() as window:
        yield window


@in_full
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_the_page_fits_any_screen(page, browser, width, dark):
    browser.resize(width, 900)
    browser.emulate(dark)
    browser.open(page)
    assert browser.run("return document.documentElement.scrollWidth") == width
    sizes = browser.run("return [...document.images].map(image => image.naturalWidth)")
    assert len(sizes) == 6 and all(size == 256 for size in sizes)
    assert not browser.errors()
    colour = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", colour))) < 200) == dark
    beside = browser.run("return new Set([...document.querySelectorAll('.tile')].map(t => t.offsetTop)).size")
    assert (beside > 1) == (width == 360)
    if axe := os.environ.get("AXE"):  # axe-core's axe.min.js
        browser.run(Path(axe).read_text())
        found = "axe.run().then(all => arguments[0](all.violations.map(each => each.id + ': ' + each.nodes[0].html)))"
        assert browser.wait_for(found) == []


@in_full
def test_the_page_is_printed_in_black_on_white(page, browser):
    browser.emulate(dark=True, media="print")
    browser.open(page)
    assert browser.run("return getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert browser.run("return getComputedStyle(document.querySelector('details')).display") == "none"
    assert browser.pdf().startswith(b"%PDF")


@in_full
def test_a_page_that_does_not_fit_is_noticed(tmp_path, browser):
    """The control: wide content, and a picture without words."""
    (tmp_path / "wide.html").write_text("<!doctype html><div style='width:2000px'>x</div><img src='none.png'>")
    browser.resize(360, 900)
    browser.open(tmp_path / "wide.html")
    assert browser.run("return document.documentElement.scrollWidth") > 360 and browser.errors()
