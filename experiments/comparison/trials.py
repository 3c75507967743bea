"""Trials of learning rates, so that each variant of a comparison has one that suits it."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
from ml_collections import ConfigDict

from benchmarks.variants import trial_name
from experiments.comparison.budget import with_budget
from experiments.comparison.tables import SCORES, SHARE
from flowconv import distributed
from flowconv.config import changed
from flowconv.errors import Diverged, UserError
from flowconv.files import read_json, write_json
from flowconv.training.train import train
from flowconv.training.writers import read_metrics
from flowconv.utils.console import say
from flowconv.workdir import Workdir

RATE = "optimizer.learning_rate"


@dataclass(frozen=True)
class Trial:
    """A short training of a variant with a factor on its learning rate.

    Attributes:
      variant: its name.
      factor: on config.optimizer.learning_rate.
      config: with that, for its share of the images, and evaluated at the end alone. It ends where a run would go back.
      workdir: where it is kept.
    """

    variant: str
    factor: float
    config: ConfigDict
    workdir: Workdir


def trials_of(configs: Mapping[str, ConfigDict], factors: Sequence[float], output: Path) -> list[Trial]:
    """Returns the trials of each variant's config, of its first seed, with each factor; in folders of `output`."""
    return [
        Trial(
            variant,
            factor,
            _trial_config(config, factor),
            Workdir(output / "trials" / trial_name(variant, factor), "--output"),
        )
        for variant, config in configs.items()
        for factor in dict.fromkeys(factors)
    ]


def with_factor(config: ConfigDict, factor: float) -> ConfigDict:
    """Returns a config with a factor on its learning rate."""
    rate = config.optimizer.learning_rate * factor
    return changed(ConfigDict(config.to_dict()), {RATE: rate})


def best_factors(trials: Sequence[Trial], file: Path) -> dict[str, float]:
    """Returns the factor by which each variant has the lowest validation bits/dim; trains what hasn't been trained.

    The figures are kept: a comparison that goes on has the rates that it had before. Where training diverged there is
    none, and the others are better. Called by every worker.

    Args:
      trials: of all variants.
      file: which keeps the figures, by variant and factor.

    Raises:
      UserError: if all trials of a variant diverge, or the file holds something else.
    """
    found = distributed.run_on_root(lambda: _read(file))
    chosen = {}
    for variant in dict.fromkeys(trial.variant for trial in trials):
        own = [trial for trial in trials if trial.variant == variant]
        for trial in own:
            figures = found.setdefault(variant, {})
            if f"{trial.factor:g}" not in figures:
                figures[f"{trial.factor:g}"] = _train(trial)
                distributed.run_on_root(lambda: write_json(file, found))
        chosen[variant] = _best(own, found[variant])
    return chosen


def _trial_config(config, factor):
    """A run's config, for a trial."""
    config = with_factor(with_budget(config, max(1, round(SHARE * config.train.images))), factor)
    return changed(config, {"train.evaluate_images": config.train.images, "guards.rollbacks": 0})


def _train(trial):
    """The validation bits/dim at the end of a trial, with the weights or their average; None if it diverged."""
    if distributed.is_root():
        say(f"\n{trial.variant}, a trial with {trial.factor:g} times the learning rate")
    keras.backend.clear_session()  # of the graphs of the run before
    try:
        train(trial.config, trial.workdir.path, test=False)
    except Diverged as error:
        if distributed.is_root():
            say(f"It diverged: {error}")
        return None
    return distributed.run_on_root(lambda: _score(read_metrics(trial.workdir.metrics)))


def _score(rows):
    """The lowest finite validation bits/dim of rows of metrics.csv, None if there are none."""
    figures = [row[name] for row in rows for name in SCORES if row[name] is not None]
    return min(filter(math.isfinite, figures), default=None)


def _best(trials, figures):
    """The factor of the best of a variant's trials; tells of it."""
    values = {trial.factor: figures[f"{trial.factor:g}"] for trial in trials}
    good = {factor: value for factor, value in values.items() if value is not None}
    variant, tried = trials[0].variant, ",".join(f"{factor:g}" for factor in values)
    if not good:
        raise UserError(f"--learning_rates={tried}: {variant} diverged with each of them: name smaller ones")
    best = min(good, key=lambda factor: good[factor])
    if distributed.is_root():
        told = (f"{'diverged' if value is None else f'{value:.3f}'} ({factor:g})" for factor, value in values.items())
        say(f"{variant}: {best:g} times the learning rate is best; validation bits/dim {', '.join(told)}")
    return best


def _read(file):
    """The figures that a file keeps."""
    if not os.path.exists(file):
        return {}
    kept = read_json(file)
    try:
        return {
            variant: {
                f"{float(factor):g}": None if value is None else float(value) for factor, value in figures.items()
            }
            for variant, figures in kept.items()
        }
    except (AttributeError, TypeError, ValueError) as error:
        raise UserError(f"{file} holds no trials: remove it, and learning rates are tried again") from error
