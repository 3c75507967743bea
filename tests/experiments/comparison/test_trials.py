"""Trials of learning rates."""

import json
import math
from pathlib import Path

import pytest

from experiments.comparison import trials
from experiments.comparison.trials import best_factors, trials_of, with_factor
from flowconv.config import default_config
from flowconv.errors import Diverged, UserError

BITS = "validation_bits_per_dim"


@pytest.fixture
def trained(monkeypatch):
    """Instead of training: figures by learning rate, an exception among them; what was trained goes into a list."""
    figures, seen = {}, []

    def train(config, workdir, test):
        assert test is False
        rate = config.optimizer.learning_rate
        seen.append(rate)
        if isinstance(figures[rate], Exception):
            raise figures[rate]

    monkeypatch.setattr(trials, "train", train)
    monkeypatch.setattr(trials, "read_metrics", lambda _: figures[seen[-1]])
    return figures, seen


def row(raw=None, averaged=None):
    return {BITS: raw, f"{BITS}_ema": averaged}


def config_with(rate):
    config = default_config()
    config.optimizer.learning_rate = rate
    return config


def test_a_trial_is_a_quarter_of_a_run():
    config = default_config()
    config.train.images, config.train.evaluate_images, config.optimizer.warmup_images = 1000, 100, 400
    config.optimizer.learning_rate = 0.25
    (trial,) = trials_of({"shift:depth=8": config}, (2.0, 2.0), Path("out"))
    assert (trial.config.train.images, trial.config.train.evaluate_images) == (250, 250)
    assert (trial.config.optimizer.warmup_images, trial.config.optimizer.learning_rate) == (100, 0.5)
    assert trial.config.guards.rollbacks == 0 and config.train.images == 1000
    assert trial.workdir.path == Path("out") / "trials" / "shift-depth-8-times-2"
    assert with_factor(config, 3.0).optimizer.learning_rate == 0.75 and config.optimizer.learning_rate == 0.25


def test_each_variant_gets_the_factor_with_the_lowest_validation_bits_per_dim(trained, tmp_path, capsys):
    """Of the weights or their average; what diverges or isn't finite loses."""
    figures, seen = trained
    figures |= {
        1.0: [row(), row(5.0, 4.5)],
        2.0: [row(4.4, 4.6)],
        4.0: Diverged("not finite"),
        8.0: [row(math.nan, math.inf)],
        10.0: [row(4.0, 4.1)],
        20.0: [row(4.2, 4.3)],
        40.0: [row(4.3, 4.4)],
        80.0: [row()],
    }
    configs, file = {"nice": config_with(1.0), "shift": config_with(10.0)}, tmp_path / "rates.json"
    tried = trials_of(configs, (1.0, 2.0, 4.0, 8.0), tmp_path)
    assert best_factors(tried, file) == {"nice": 2.0, "shift": 1.0}
    assert seen == list(figures)
    assert json.loads(file.read_text())["nice"] == {"1": 4.5, "2": 4.4, "4": None, "8": None}
    said = capsys.readouterr().out
    assert "nice: 2 times the learning rate is best; validation bits/dim 4.500 (1), 4.400 (2), diverged (4)" in said


def test_what_was_tried_is_kept(trained, tmp_path):
    """A comparison that was stopped, and one with further factors, try the others alone."""
    figures, seen = trained
    figures |= {0.5: [row(4.0)], 1.0: UserError("the disk is full"), 2.0: [row(3.0)]}
    configs, file = {"nice": config_with(1.0)}, tmp_path / "new" / "rates.json"
    with pytest.raises(UserError, match="the disk is full"):
        best_factors(trials_of(configs, (0.5, 1.0), tmp_path), file)
    figures[1.0] = [row(5.0)]
    assert best_factors(trials_of(configs, (0.5, 1.0), tmp_path), file) == {"nice": 0.5}
    assert best_factors(trials_of(configs, (0.5, 1.0, 2.0), tmp_path), file) == {"nice": 2.0}
    assert best_factors(trials_of(configs, (1.0,), tmp_path), file) == {"nice": 1.0}
    assert seen == [0.5, 1.0, 1.0, 2.0]


def test_where_all_diverge_there_is_none(trained, tmp_path):
    figures, _ = trained
    figures |= {0.5: Diverged("not finite"), 1.0: [row(math.inf)]}
    right = r"^--learning_rates=1,2: nice diverged with each of them: name smaller ones$"
    with pytest.raises(UserError, match=right):
        best_factors(trials_of({"nice": config_with(0.5)}, (1.0, 2.0), tmp_path), tmp_path / "rates.json")


@pytest.mark.parametrize("content", ["[]", '{"nice": 3}', '{"nice": {"a": 1}}', '{"nice": {"1": "x"}}'])
def test_a_file_that_holds_no_trials_is_named(content, tmp_path):
    (tmp_path / "rates.json").write_text(content)
    with pytest.raises(UserError, match=r"rates.json holds no trials: remove it, and learning rates are tried again$"):
        best_factors([], tmp_path / "rates.json")
