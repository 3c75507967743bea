"""Budgets in seconds."""

import json

import numpy as np
import pytest

from experiments.comparison import budget
from flowconv.config import default_config
from flowconv.data import ImageData
from flowconv.errors import UserError

IMAGES = ImageData(
    name="black", version="1", note="", fingerprint="", splits={"train": np.zeros((16, 8, 8, 3), np.uint8)}
)


def measured(rates, asked):
    """Instead of a measurement: what was asked for goes into a list."""

    def measure(configs, images, rounds):
        asked.append(set(configs))
        return {name: {"train_images_per_second": rates[name]} for name in configs}

    return measure


def test_a_slower_variant_sees_fewer_images(tmp_path, monkeypatch):
    """Whole steps of them, and at least one; kept for a comparison that goes on, to which variants may be added."""
    asked, file, config = [], tmp_path / "new" / "budget.json", default_config()
    config.train.batch_size = 32
    monkeypatch.setattr(budget, "measure_speeds", measured({"fast": 321.0, "slow": 1.1, "new": 64.0}, asked))
    found = budget.training_images({"fast": config, "slow": config}, IMAGES, 10.0, 1, file)
    assert found == {"fast": 3200, "slow": 32} and json.loads(file.read_text())["images"] == found
    again = budget.training_images({"fast": config, "slow": config, "new": config}, IMAGES, 10.0, 1, file)
    assert again == found | {"new": 640} and asked == [{"fast", "slow"}, {"new"}]
    with pytest.raises(UserError, match=r"--seconds=20: .* is of 10: choose another --output"):
        budget.training_images({"fast": config}, IMAGES, 20.0, 1, file)


@pytest.mark.parametrize("content", ["{}", "[]", "3", '{"seconds": 10}', '{"seconds": 10, "images": {"shift": 1e999}}'])
def test_a_file_that_is_no_budget_is_named(tmp_path, content):
    (tmp_path / "budget.json").write_text(content)
    with pytest.raises(UserError, match=r"budget.json holds no budget: remove it"):
        budget.training_images({"shift": default_config()}, IMAGES, 10.0, 1, tmp_path / "budget.json")


def test_evaluations_and_warm_up_are_stretched_with_the_images():
    config = default_config()
    config.train.images, config.train.evaluate_images, config.optimizer.warmup_images = 1000, 500, 100
    other = budget.with_budget(config, 400)
    assert (other.train.images, other.train.evaluate_images, other.optimizer.warmup_images) == (400, 200, 40)
    config.optimizer.warmup_images = 0
    assert budget.with_budget(config, 1).optimizer.warmup_images == 0
    assert budget.with_budget(config, 1).train.evaluate_images == 1
    assert config.train.images == 1000
