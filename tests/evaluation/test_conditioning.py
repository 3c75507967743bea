"""Condition numbers of a flow's matrices."""

import numpy as np
import pytest

from flowconv.evaluation import matrix_health, max_condition_number
from flowconv.evaluation.conditioning import condition_numbers
from flowconv.models import build_model, glow, realnvp
from flowconv.testing import perturb


def test_the_largest_of_any_step_counts():
    flow = glow((8, 8, 3), levels=2, depth=3, width=4, parameterization="direct")
    flow.reset_weights()
    assert max_condition_number(flow) == pytest.approx(1.0, abs=1e-5)  # rotations
    weight = next(v for v in flow.variables if v.path.endswith("level_2/steps/convolution.conv1x1.weight.weight"))
    values = weight.numpy()
    values[1] = np.diag(np.linspace(0.5, 4.0, values.shape[-1]))
    weight.assign(values)
    assert max_condition_number(flow) == pytest.approx(8.0)
    values[2, 0] = 0.0
    weight.assign(values)
    assert max_condition_number(flow) > 1e6


def test_permutations_have_condition_number_1():
    flow = realnvp((8, 8, 3), levels=2, depth=4, width=4)
    flow.reset_weights()
    assert max_condition_number(flow) == 1.0


def test_an_orthogonal_convolution_keeps_condition_number_1():
    flow = glow((8, 8, 3), levels=1, depth=2, width=4, parameterization="orthogonal")
    flow.reset_weights()
    for variable in flow.trainable_variables:
        variable.assign(variable.value + np.random.default_rng(0).standard_normal(variable.shape))
    assert max_condition_number(flow) == pytest.approx(1.0, abs=1e-5)


SEVERAL = {
    "grouped_shift": ("glow", {"levels": 2, "depth": 2, "convolution": "grouped_shift"}),
    "woodbury": ("glow", {"levels": 1, "depth": 2, "convolution": "woodbury", "rank": 2}),
    "flowpp": ("flowpp", {"layers": "2 stripes, 1 stripes"}),
}


@pytest.mark.parametrize(("family", "settings"), SEVERAL.values(), ids=SEVERAL.keys())
def test_every_matrix_of_every_step_has_a_place(family, settings):
    """Where a step has several, too."""
    flow = build_model(family, (8, 8, 3), width=4, **settings)
    flow.reset_weights()
    perturb(flow, 0.1)
    each = matrix_health(flow)
    rows = [row for values in flow.singular_values().values() for row in np.atleast_2d(values)]
    assert len(each) == 2 * len(rows) and len(flow.singular_values()) > 1
    numbers = [value for place, value in each.items() if place.startswith("condition_number/")]
    assert sorted(numbers) == sorted(float(condition_numbers(row)) for row in rows)
    assert max(numbers) == max_condition_number(flow)
