"""The model of many GPUs: its levels are the program's, and what it hides is what a formula says."""

import pytest

from benchmarks import scaling_model
from benchmarks.scaling_model import Level, Link, exchange, exposed, levels, ring
from flowconv.models import build_model


def test_levels_have_the_gradients_of_the_program():
    """Of depth 1: the others have as many each."""
    flow = build_model("glow", (32, 32, 3), levels=3, depth=1, width=scaling_model.WIDTH)
    groups = [sum(variable.value.shape.num_elements() for variable in group) for group in flow.variable_groups()]
    assert [scaling_model.DEPTH * numbers for numbers in groups[::-1]] == [level.numbers for level in levels()]
    assert sum(level.work for level in levels()) == pytest.approx(1.0)


def test_a_ring_sends_an_nth_2n_minus_2_times():
    assert ring(800.0, 4, Link(100.0, 0.5)) == pytest.approx(2 * 3 * (2.0 + 0.5))


def test_machines_that_add_up_first_send_fewer_messages():
    """Which counts where there are few bytes; of many, as many pass the link that eight GPUs share."""
    tiny, large = 1e3, 1e9
    assert exchange(tiny, 512, hierarchical=True) < 0.2 * exchange(tiny, 512, hierarchical=False)
    assert exchange(large, 64, hierarchical=True) > 0.9 * exchange(large, 64, hierarchical=False)
    assert exchange(large, 8, hierarchical=True) == exchange(large, 8, hierarchical=False)


@pytest.mark.parametrize("step", [1e-3, 0.02, 10.0])
def test_what_is_exposed_is_the_worst_of_the_levels(step):
    """From a level on, all exchanges, less what is computed after it."""
    parts = [Level(1, 0.7), Level(1, 0.2), Level(1, 0.1)]
    seconds = [0.003, 0.004, 0.005]
    after = [0.75 * step * sum(part.work for part in parts[:number]) for number in range(3)]
    expected = max(sum(seconds[: number + 1]) - after[number] for number in range(3))
    assert exposed(seconds, parts, step) == pytest.approx(expected)
    assert exposed([0.012], [Level(1, 1.0)], step) == pytest.approx(0.012)  # one group: nothing is hidden


def test_with_a_long_step_all_but_the_first_level_is_hidden():
    assert exposed([0.003, 0.004, 0.005], levels(), 10.0) == pytest.approx(0.003)
