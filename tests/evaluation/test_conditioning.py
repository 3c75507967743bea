"""Condition numbers of a flow's matrices."""

import numpy as np
import pytest

from flowconv.bijectors import (
    ActNorm,
    Chain,
    Conv1x1,
    Halves,
    Invert,
    Logit,
    MultiScale,
    Repeated,
    Split,
    Squeeze,
)
from flowconv.evaluation import matrix_health, max_condition_number
from flowconv.evaluation.conditioning import condition_numbers
from flowconv.models import Flow, StandardNormal, build_model, glow, realnvp
from flowconv.surjections.uniform import UniformDequantization
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


def mix(name="mix"):
    return Conv1x1("direct", name=name)


def step(name="step"):
    return Chain([ActNorm(), mix()], name=name)


BY_HAND = {
    "alone": (mix, 1),
    "chain": (lambda: Chain([Logit(), Squeeze(), Conv1x1("direct"), Conv1x1("direct")]), 2),
    "equal names": (lambda: Chain([Logit(), step(), step()]), 2),
    "levels": (lambda: MultiScale([step("one"), step("two")], [Split()]), 2),
    "levels of one name": (lambda: Chain([Logit(), MultiScale([step(), step()], [Split()])]), 2),
    "loop": (lambda: Repeated(step(), 2), 1),
    "inverted": (lambda: Chain([Invert(mix()), Invert(mix())]), 2),
    "halves": (lambda: Halves(mix(), mix()), 2),
}


@pytest.mark.parametrize(("make", "count"), BY_HAND.values(), ids=BY_HAND.keys())
def test_every_matrix_of_a_flow_made_by_hand_is_watched(make, count):
    """Wherever it stands, and whatever the names of layers are."""
    flow = Flow(UniformDequantization(), make(), StandardNormal(), (4, 4, 4))
    flow.reset_weights()
    weights = [variable for variable in flow.variables if variable.path.endswith("weight")]
    assert len(flow.singular_values()) == len(weights) == count and max_condition_number(flow) < 1.1
    for variable in weights:
        value = variable.numpy()
        variable.assign(value * np.geomspace(1.0, 1e-3, value.shape[-1])[:, None])
        assert max_condition_number(flow) > 900.0, variable.path
        variable.assign(value)
