"""Variants trained alike."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import tensorflow as tf
from ml_collections import ConfigDict

from benchmarks.layers import cost_layers
from benchmarks.model_speeds import measure_speeds
from benchmarks.variants import folder_name
from experiments.comparison.about import machine_of, write_about
from experiments.comparison.budget import training_images, with_budget
from experiments.comparison.figures import draw_curves, draw_rates
from experiments.comparison.tables import FACTOR, SCORES, summarize, write_layers, write_pairs, write_variants
from experiments.comparison.trials import RATE, best_factors, trials_of, with_factor
from flowconv import data, distributed
from flowconv.config import images_per_rank, with_parts
from flowconv.errors import UserError
from flowconv.files import read_json
from flowconv.inference.load import load_run
from flowconv.training.results import better_bits_per_dim
from flowconv.training.train import load_data, train
from flowconv.training.writers import read_metrics
from flowconv.utils.console import say
from flowconv.utils.progress_bar import working
from flowconv.workdir import Workdir

# Runs that differ in these alone are the same runs.
IMMATERIAL = (
    "data.dir",
    "data.cache_dir",
    "train.log_seconds",
    "train.checkpoint_seconds",
    "train.watchdog_seconds",
)
OF_TABLES = ("parameters", "images_trained", "dataset", "world_size")  # of results, beside bits/dim


def compare(
    configs: Mapping[tuple[str, int], ConfigDict],
    output: str | os.PathLike,
    rounds: int = 10,
    layers: bool = True,
    seconds: float | None = None,
    factors: Sequence[float] = (),
) -> list[dict]:
    """Trains each variant from each seed on the same images in the same order, and writes tables and curves.

    Called by every worker of a Horovod job, or alone. Finished runs stay as they are, one that was stopped goes on.

    Args:
      configs: as `variant_configs` has them.
      output: folder of tables (table, pairs, layers, as .md and .csv) and figures, and of the runs, in runs/.
      rounds: alternated rounds in which speeds are measured.
      layers: whether the cost of the convolutions that are compared is measured too, one layer alone.
      seconds: that each variant trains for, whatever images it sees in them; without it all see config.train.images.
      factors: on config.optimizer.learning_rate, each of which is tried before with each variant.

    Returns:
      The rows of table.csv, on every worker.

    Raises:
      UserError: for anything that the user can put right, on every worker, before any run begins.
    """
    variants, seeds = (list(dict.fromkeys(part)) for part in zip(*configs, strict=True))
    config = configs[variants[0], seeds[0]]
    output = Path(output)
    workdirs = {key: Workdir(output / "runs" / folder_name(*key), "--output") for key in configs}
    # Every model is traced anew, and has to be.
    tf.get_logger().addFilter(lambda record: "triggered tf.function retracing" not in record.getMessage())
    distributed.initialize(config.distributed.fusion_megabytes)
    distributed.run_on_all_ranks(lambda: data.check(config.data))
    configs = distributed.run_on_all_ranks(lambda: {key: data.with_classes(each) for key, each in configs.items()})
    if seconds is not None:
        first = {variant: configs[variant, seeds[0]] for variant in variants}
        budgets = training_images(first, load_data(config.data), seconds, rounds, output / "budget.json")
        configs = {key: with_budget(config, budgets[key[0]]) for key, config in configs.items()}
    chosen = {}
    if factors:
        trials = trials_of({variant: configs[variant, seeds[0]] for variant in variants}, factors, output)
        found = [(trial.workdir, trial.config) for trial in trials]
        # A rate that isn't known yet is no reason to refuse, but whatever else differs is one, before any trial.
        runs = [(workdir, configs[key]) for key, workdir in workdirs.items()]
        distributed.run_on_root(lambda: [_check(*each) for each in found])
        distributed.run_on_root(lambda: [_check(*each, (*IMMATERIAL, RATE)) for each in runs])
        chosen = best_factors(trials, output / "learning_rates.json")
        configs = {key: with_factor(each, chosen[key[0]]) for key, each in configs.items()}
    distributed.run_on_root(lambda: [_check(workdir, configs[key]) for key, workdir in workdirs.items()])

    results = {key: _run(configs[key], workdirs[key], f"{key[0]}, seed {key[1]}") for key in configs}
    say_on_root("\nAll runs are finished; measuring speeds")
    first = {variant: configs[variant, seeds[0]] for variant in variants}
    flows = {variant: load_run(workdirs[variant, seeds[0]]).flow for variant in variants}
    speeds = measure_speeds(first, load_data(config.data), rounds, flows)
    rows = [summarize(variant, [results[variant, seed] for seed in seeds]) | speeds[variant] for variant in variants]
    rows = [row | ({FACTOR: chosen[row["variant"]]} if chosen else {}) for row in rows]

    models = [configs[variant, seeds[0]].model for variant in variants]
    convolutions = list(dict.fromkeys(model.convolution for model in models if model.name == "glow"))

    def write():
        curves = {v: [_curve(workdirs[v, seed], configs[v, seed], seconds) for seed in seeds] for v in variants}
        say("\n" + write_variants(output, rows, results[variants[0], seeds[0]], config, seconds, factors, models))
        if len(variants) > 1 and len(seeds) > 1:
            say("\n" + write_pairs(output, results))
        with working("drawing curves"):
            draw_curves(output / "curves.png", curves, over="images" if seconds is None else "seconds")
            draw_rates(output / "rates.png", rows)
        if layers and convolutions:
            say("\n" + write_layers(output, cost_layers(convolutions, config.model.kernel_size, rounds)))
        _write_about(output, configs, workdirs, results, curves, seconds)
        say(f"\nTables and curves are in {output}")

    distributed.run_on_root(write)
    return rows


def _curve(workdir, config, seconds):
    """The rows of a run's metrics.csv; of equal seconds, with those of its rate in place of those that it took."""
    rows = read_metrics(workdir.metrics)
    if seconds is None:
        return rows
    # A run beside other work, or one that was stopped, took longer than the rates say that made its budget.
    return [row | {"seconds": row["images"] * seconds / config.train.images} for row in rows]


def _write_about(output, configs, workdirs, results, curves, seconds):
    """Writes about.json, with what was scored on the way."""
    runs = {}
    for variant, rows_of_seeds in curves.items():
        found = [result for key, result in results.items() if key[0] == variant]
        runs[variant] = [
            result | {"evaluations": _scored(rows)} for result, rows in zip(found, rows_of_seeds, strict=True)
        ]
    key, found = next(iter(results.items()))
    batch = images_per_rank(configs[key]) * found["world_size"]
    write_about(output, machine_of(workdirs[key]), batch, found["dataset"], seconds, runs)


def _scored(rows):
    """The rows of metrics.csv that have scores of the validation split: these, and when they were taken."""
    names = ("images", "seconds", *SCORES)
    return [{name: row[name] for name in names} for row in rows if row[SCORES[0]] is not None]


def say_on_root(text: str) -> None:
    """Prints a line, on the first worker alone."""
    if distributed.is_root():
        say(text)


def _check(workdir, config, immaterial=IMMATERIAL):
    """Checks that a run's folder is free, or holds the same run."""
    if workdir.config.exists():
        there, here = map(with_parts, (workdir.load_config(), config))
        for name in here:  # where a part is another one, the setting that chooses it differs before its own do
            if name not in immaterial and there.get(name, here[name]) != here[name]:
                raise UserError(
                    f"--output: {workdir.path} holds another run ({name} is {there[name]} there and {here[name]} "
                    f"here): choose another folder"
                )
    workdir.check(config)
    if workdir.results.exists():
        _results(workdir)


def _run(config, workdir, title):
    """Trains, unless that was done; returns the results."""
    if not distributed.run_on_root(workdir.results.exists):
        say_on_root(f"\n{title}")
        keras.backend.clear_session()  # of the graphs of the run before
        train(config, workdir.path)
    return distributed.run_on_root(lambda: _results(workdir))


def _results(workdir):
    """The fields of a finished run's results.json, with all that tables need."""
    found = read_json(workdir.results)
    there = found if isinstance(found, dict) else {}
    lacking = ["bits/dim"] if better_bits_per_dim(there) is None else []
    lacking += [name for name in OF_TABLES if name not in there]
    if lacking:
        raise UserError(f"--output: {workdir.results} lacks {lacking[0]}: remove it, and the run is evaluated again")
    return found
