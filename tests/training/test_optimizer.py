"""The optimizers that update in place are Keras' own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from flowconv.bijectors import drawn_later
from flowconv.training.optimizer import Adam, Adamax


def trained(kind, build=lambda optimizer, variables: optimizer.build(variables)):
    """Weights, slots and moving averages after 20 steps with gradients of 1e-6 to 1e3, and the slots' names."""
    rng = np.random.default_rng(0)
    shapes = {"a": (3, 5), "b": (7,)}
    variables = [keras.Variable(rng.standard_normal(shapes[name]).astype("float32"), name=name) for name in shapes]
    optimizer = kind(
        learning_rate=0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-6, global_clipnorm=500.0, use_ema=True, name="adam"
    )
    build(optimizer, variables)

    @tf.function
    def step(gradients):
        optimizer.apply(gradients, variables)

    for _ in range(20):
        step([tf.constant(10 ** rng.uniform(-6, 3) * rng.standard_normal(v.shape), v.dtype) for v in variables])
    return [v.numpy() for v in (*variables, *optimizer.variables)], [v.path for v in optimizer.variables]


@pytest.mark.parametrize(("ours", "theirs"), [(Adam, keras.optimizers.Adam), (Adamax, keras.optimizers.Adamax)])
def test_gives_what_keras_gives(ours, theirs):
    (values, names), (expected, expected_names) = trained(ours), trained(theirs)
    assert names == expected_names
    for value, right in zip(values, expected, strict=True):
        np.testing.assert_allclose(value, right, rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize("kind", [Adam, Adamax])
def test_slots_that_were_cleared_later_are_as_good(kind):
    def build(optimizer, variables):
        with drawn_later():
            optimizer.build(variables)
        for slot in optimizer.variables[2:]:  # whatever the memory holds; before them are two numbers
            slot.assign(tf.fill(slot.shape, tf.cast(7, slot.dtype)))
        optimizer.clear()

    for value, right in zip(trained(kind, build)[0], trained(kind)[0], strict=True):
        np.testing.assert_array_equal(value, right)
