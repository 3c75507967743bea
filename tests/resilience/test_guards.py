"""Numbers that are not finite, and matrices that are all but singular."""

import json
import re

import numpy as np
import pytest

from tests.programs import refusal
from tests.runs import FULL, SMALL, in_full, launch, overrides, saved_variables

SCRIPT = "tests/resilience/faulty_train.py"
FIELDS = {"guards.skipped_steps": 3, "train.log_seconds": 0.1}


def faulty(workdir, fault, ranks=1, **fields):
    return launch(SCRIPT, f"--workdir={workdir}", *overrides(**FIELDS | fields), ranks=ranks, FAULT=fault)


def test_nan_in_a_gradient_of_one_rank_is_skipped_by_both(tmp_path):
    result = faulty(tmp_path, "nan_gradient:1:160", ranks=2, **SMALL | {"train.images": 320})
    assert result.returncode == 0, result.stderr
    saved = saved_variables(tmp_path)
    assert int(saved["optimizer/adam.Siteration"]) == 9  # of 10 steps
    assert int(saved["progress/rollbacks"]) == 0 and int(saved["progress/images_seen"]) == 320
    assert all(np.isfinite(value).all() for value in saved.values() if value.dtype.kind == "f")


@pytest.mark.parametrize("ranks", [1, 2] if FULL else [1])
def test_nan_in_a_weight_rolls_back_and_names_layer_and_step(tmp_path, ranks):
    images = 160 * ranks
    fields = {"model.levels": 1, "train.images": 2 * images}
    result = faulty(tmp_path, f"nan_weight:{ranks - 1}:{images}", ranks=ranks, **fields)
    assert result.returncode == 0, result.stderr
    line = next(line for line in result.stdout.splitlines() if "not finite in 3 steps" in line)
    assert "step 14, " in line and "back to 0 images, with 0.5 of the learning rate" in line
    if ranks == 1:  # (on the other rank weights are the first one's, which has none that isn't finite)
        assert "coupling.network.hidden.kernel, step 1 are not finite" in line, line
    saved = saved_variables(tmp_path)
    assert int(saved["progress/rollbacks"]) == 1 and float(saved["progress/learning_rate_factor"]) == 0.5
    assert int(saved["progress/images_seen"]) == 2 * images


def test_a_run_that_never_recovers_ends_with_a_diagnosis(tmp_path):
    fields = {"optimizer.learning_rate": 1e30, "optimizer.warmup_images": 0, "guards.rollbacks": 1}
    line = refusal("train.py", f"--workdir={tmp_path}", *overrides(**FIELDS | fields, **{"train.images": 1600}))
    assert line.startswith("error: --config.optimizer.learning_rate=1e+30: step ") and "level_" in line, line


def adversarial(workdir, parameterization, **fields):
    """A learning rate three hundred times too high, for the matrices alone."""
    fields |= {
        "model.convolution": "conv1x1",
        "model.parameterization": parameterization,
        "optimizer.learning_rate": 0.3,
        "optimizer.warmup_images": 0,
        "train.images": 960,
        "guards.rollbacks": 20,
    }
    return faulty(workdir, "matrices:0:0", **fields)


def test_a_direct_matrix_on_its_way_to_a_singular_one_is_caught(tmp_path):
    result = adversarial(tmp_path, "direct", **{"guards.condition_number": 100.0})
    said = result.stdout + result.stderr
    assert re.search(r"W of level_\d/steps/\S+, step \d, has condition number \S+, above guards.condition", said), said
    assert "not finite" not in said and "Traceback" not in said
    assert all(np.isfinite(value).all() for value in saved_variables(tmp_path).values() if value.dtype.kind == "f")


@in_full
@pytest.mark.parametrize("parameterization", ["plu", "orthogonal"])
def test_others_never_fail_to_invert(tmp_path, parameterization):
    result = adversarial(tmp_path, parameterization)
    assert result.returncode == 0, result.stderr
    assert "not finite" not in result.stdout
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["max_reconstruction_error"] < 0.5
    if parameterization == "orthogonal":
        assert found["max_condition_number"] < 1.001 and "guards.condition_number" not in result.stdout
