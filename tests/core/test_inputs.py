"""The inputs of a layer beside its images."""

import numpy as np
import tensorflow as tf

from flowconv.bijectors import NONE, Inputs, Seed
from tests.layers import a_condition


def test_slices_of_a_batch_have_their_examples_and_draw_what_the_batch_draws():
    condition = a_condition(7, (4, 4, 8))
    inputs = Inputs(condition, Seed(3, first=5, stream=2).fold_in(1), training=True, full_precision=True)
    parts = inputs.split([3, 2, 2])
    for found, whole in zip(zip(*(part.tensors() for part in parts), strict=True), inputs.tensors(), strict=True):
        np.testing.assert_array_equal(tf.concat(found, 0), whole)
    drawn = [part.seed.uniform((size, 4, 4, 3)) for part, size in zip(parts, (3, 2, 2), strict=True)]
    np.testing.assert_array_equal(tf.concat(drawn, 0), inputs.seed.uniform((7, 4, 4, 3)))
    for part in parts:
        tf.nest.assert_same_structure(part.condition, condition)
        assert part.training and part.full_precision


def test_one_slice_is_the_batch():
    inputs = Inputs(a_condition(7, (4, 4, 8)), Seed(3))
    assert inputs.split([7]) == [inputs] and inputs.split([None]) == [inputs]


def test_no_inputs_can_be_split():
    assert NONE.split([2, 1]) == [NONE, NONE]
    assert NONE.tensors() == NONE.differentiable() == []
    assert NONE.fold_in(3) == NONE


def test_floats_have_gradients():
    condition = a_condition(2, (4, 4, 8))
    inputs = Inputs(condition)
    label, vector, image = condition["label"], *condition["floats"]
    assert {id(tensor) for tensor in inputs.tensors()} == {id(label), id(vector), id(image)}
    assert [id(tensor) for tensor in inputs.differentiable()] == [id(vector), id(image)]
    changed = inputs.with_tensors([2 * tensor for tensor in inputs.tensors()])
    np.testing.assert_array_equal(changed.condition["floats"][0], 2 * vector)
    np.testing.assert_array_equal(changed.condition["label"], 2 * label)


def test_each_part_of_a_layer_has_a_seed_of_its_own():
    inputs = Inputs("kept", Seed(3), training=True)
    parts = [inputs.fold_in(number) for number in range(3)]
    assert all(part.condition == "kept" and part.training for part in parts)
    assert len({part.seed.uniform((1, 4)).numpy().tobytes() for part in (inputs, *parts)}) == 4
