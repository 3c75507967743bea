"""Tables of what was trained elsewhere, by scripts/run_exported_step.py, and beside it of runs of train.py."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.comparison.about import machine_of, write_about
from experiments.comparison.figures import draw_curves, draw_rates
from experiments.comparison.tables import FACTOR, RATES, SCORES, summarize, write_pairs, write_table
from flowconv.config import images_per_rank
from flowconv.errors import UserError
from flowconv.files import read_json
from flowconv.training.results import better_bits_per_dim
from flowconv.workdir import Workdir

NEEDED = ("export", "device", "parameters", "batch", "runs", "dataset")
FRAMEWORKS = ("jax", "tensorflow")  # one of which a training has, with its version
OF_A_RUN = ("seed", "images_trained", "seconds", "better_weights", "test_bits_per_dim")
PROGRAMS = dict(zip(("train", "encode", "sample"), RATES, strict=True))  # of an export, whose rates are the columns
CLOSE = 0.01  # of its images, to which a run that was evaluated at its end alone is one of equal seconds
TRIALS = "learning_rate_trials"


def read_trainings(paths: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Returns trainings by name, in the order of files and lines.

    Args:
      paths: files of what trainings printed, by the names of their exports' folders; or folders of finished runs of
        train.py, one a seed, by the folder's name.

    Raises:
      UserError: if a file can't be read, or holds anything else; if two are of one name, or of unlike seeds.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in paths:
        for each in [training_of_runs(path)] if Path(path).is_dir() else _printed(path):
            if each["export"] in found:
                raise UserError(f"--results={path}: has {each['export']} twice")
            found[each["export"]] = each
    if not found:
        raise UserError(f"--results={','.join(paths)}: has no line of a training")
    first = next(iter(found.values()))
    for name, each in found.items():
        if _seeds(each) != _seeds(first):
            wrong = f"{name} has the seeds {_seeds(each)}, {first['export']} has {_seeds(first)}"
            raise UserError(f"--results={','.join(paths)}: {wrong}")
    return found


def training_of_runs(path: str) -> dict[str, Any]:
    """Returns the runs in a folder as a training that was printed, without figures on the way.

    Raises:
      UserError: if it holds no finished run.
    """
    runs = []
    for workdir in map(Workdir, sorted(Path(path).iterdir())):
        if workdir.results.exists():
            runs.append((workdir, read_json(workdir.results)))
    if not runs or not all(isinstance(results, dict) and set(OF_A_RUN) <= set(results) for _, results in runs):
        raise UserError(f"--results={path}: holds no finished run of train.py, one a seed")
    workdir, results = runs[0]
    return {
        "export": Path(path).name,
        "device": machine_of(workdir),
        "tensorflow": results["versions"]["tensorflow"],
        "parameters": results["parameters"],
        "batch": images_per_rank(workdir.load_config()) * results["world_size"],
        "dataset": results["dataset"],
        "runs": sorted((each for _, each in runs), key=lambda each: each["seed"]),
    }


def read_rates(path: str, variants: Sequence[str]) -> dict[str, dict[str, float]]:
    """Returns the rates of variants that compare.py measured, from its table.csv.

    Raises:
      UserError: if it can't be read, or lacks one.
    """
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            rows = {row["variant"]: row for row in csv.DictReader(file)}
        return {variant: {name: float(rows[variant][name]) for name in RATES} for variant in variants}
    except (KeyError, OSError, TypeError, ValueError) as error:
        right = "must be a table.csv of compare.py with all that are compared"
        raise UserError(f"--rates={path}: {right} ({error})") from error


def _printed(path):
    """The trainings that a file has, one a line."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise UserError(f"--results={path}: can't be read ({error})") from error
    for line in filter(None, lines):
        each = _training(line)
        if each is None:
            right = "must hold lines that run_exported_step.py --images=… printed"
            raise UserError(f"--results={path}: {right}, got {line[:60]!r}")
        yield each


def _training(line):
    """The figures of a line, or None if it isn't that of a training."""
    try:
        each = json.loads(line)
        is_complete = set(NEEDED) <= set(each) and all(set(OF_A_RUN) <= set(run) for run in each["runs"])
    except (TypeError, ValueError):
        return None
    return each if is_complete and each["runs"] else None


def _seeds(training):
    return [run["seed"] for run in training["runs"]]


def tabulate(
    trainings: Mapping[str, Mapping[str, Any]],
    output: Path,
    seconds: float | None = None,
    rates: Mapping[str, Mapping[str, float]] | None = None,
) -> list[dict[str, Any]]:
    """Writes table.csv, pairs.csv, pairs.md, curves.png, rates.png and about.json; returns the rows of table.csv.

    A curve needs two evaluations at least: where no model has them there are no curves.

    Args:
      trainings: as `read_trainings` has them.
      output: the folder, which is made if it isn't there.
      seconds: of training after which they are compared, at the rates of the table; None: after all images.
      rates: as `read_rates` has them, of another machine; None: those of the device.

    Raises:
      UserError: if a model has no evaluation as late as that, or lacks a rate.
    """
    rates = rates or {name: _own_rates(name, training) for name, training in trainings.items()}
    results: dict[tuple[str, int], dict[str, Any]] = {}
    rows = []
    for name, training in trainings.items():
        images = None if seconds is None else seconds * rates[name]["train_images_per_second"]
        runs = [_after(name, run, images) | {"parameters": training["parameters"]} for run in training["runs"]]
        results |= {(name, run["seed"]): run for run in runs}
        tuned = {FACTOR: training[FACTOR]} if FACTOR in training else {}
        rows.append({**summarize(name, runs), **rates[name], **tuned})
    output.mkdir(parents=True, exist_ok=True)
    write_table(output, rows)
    if len(trainings) > 1 and len(_seeds(next(iter(trainings.values())))) > 1:
        write_pairs(output, results)
    if curves := _curves(trainings, rates):
        draw_curves(output / "curves.png", curves, over="seconds")
    draw_rates(output / "rates.png", rows)
    _write_about(output, trainings, seconds)
    return rows


def _own_rates(name, training):
    """The rates of a training's own device, by the names of columns."""
    there = training.get("images_per_second", {})
    if lacking := [program for program in PROGRAMS if program not in there]:
        right = "name a table.csv of compare.py that has it"
        raise UserError(f"--rates is missing: {name} has no rate of {lacking[0]}, which was not measured: {right}")
    return {column: there[program] for program, column in PROGRAMS.items()}


def _curves(trainings, rates):
    """Returns the curves of models that have any, for `draw_curves`; seconds are those of training at the rates."""
    found = {}
    for name, training in trainings.items():
        rate = rates[name]["train_images_per_second"]
        runs = [
            [_point(each, rate) for each in run.get("evaluations", []) if SCORES[0] in each] for run in training["runs"]
        ]
        if min(map(len, runs)) > 1:
            found[name] = runs
    return found


def _point(evaluation, rate):
    """An evaluation as a row of metrics.csv has it."""
    images = evaluation["images_trained"]
    return {"images": images, "seconds": images / rate, **{score: evaluation.get(score) for score in SCORES}}


def _after(name, run, images):
    """A run's figures at its end or after so many images, between the evaluations before and after that."""
    if images is None:
        return run
    if "evaluations" not in run and abs(images - run["images_trained"]) < run["images_trained"] * CLOSE:
        return run
    evaluations = run.get("evaluations", [run])
    points = {each["images_trained"]: better_bits_per_dim(each) for each in evaluations}
    if not points or not min(points) <= images <= max(points):
        there = f"{name} sees {images:,.0f} images in them, and was evaluated after {sorted(points)}"
        raise UserError(f"--seconds: {there}")
    bits = float(np.interp(images, list(points), list(points.values())))
    return run | {"better_weights": "raw", "test_bits_per_dim": bits, "images_trained": round(images)}


def _write_about(output, trainings, seconds):
    first = next(iter(trainings.values()))
    runs = {name: each["runs"] for name, each in trainings.items()}
    machines = " and ".join(dict.fromkeys(map(_machine, trainings.values())))
    tuned = [name for name in (TRIALS, FACTOR) if any(name in each for each in trainings.values())]
    of_each = ("compile_seconds", "peak_bytes", *tuned)
    found = {name: {n: each.get(name) for n, each in trainings.items()} for name in of_each}
    if TRIALS in found:  # a training that diverged has no figure: JSON has no infinity
        found[TRIALS] = {name: _finite(tried) for name, tried in found[TRIALS].items()}
    write_about(output, machines, first["batch"], first["dataset"], seconds, runs, **found)


def _machine(training):
    """Where and with what a model was trained."""
    return ", ".join([training["device"], *(f"{name} {training[name]}" for name in FRAMEWORKS if name in training)])


def _finite(tried):
    """The figures of trials, None for those that aren't finite."""
    return tried and {factor: value if math.isfinite(value) else None for factor, value in tried.items()}
