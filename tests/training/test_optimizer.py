"""The optimizers that update in place are Keras' own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from flowconv.config import SETTINGS, default_config, validate
from flowconv.errors import UserError
from flowconv.training.optimizer import Adam, Adamax, build_optimizer


@pytest.mark.parametrize(
    ("name", "value"), [("beta_2", 0.99999999), ("beta_2", 1.0), ("epsilon", 0.0), ("epsilon", -1e-8)]
)
def test_settings_that_float32_does_not_hold_are_refused(name, value):
    config = default_config()
    config.optimizer[name] = value
    with pytest.raises(UserError, match=f"^--config.optimizer.{name}={value}: must be "):
        validate(config)


@pytest.mark.parametrize("kind", ["adam", "adamax"])
@pytest.mark.parametrize("name", ["beta_2", "epsilon"])
@pytest.mark.parametrize("end", ["at_least", "at_most"])
def test_the_ends_of_ranges_move_weights(kind, name, end):
    """Of gradients that are 0, too: nothing becomes NaN."""
    bound = getattr(SETTINGS[f"optimizer.{name}"], end)
    config = default_config()
    config.optimizer.name = kind
    config.optimizer[name] = 1e-3 if bound is None else bound
    validate(config)
    optimizer, variable = build_optimizer(config.optimizer, config.train.ema_decay), keras.Variable([1.0, 1.0])
    optimizer.build([variable])
    optimizer.reset()
    for _ in range(4):
        optimizer.update_in_place(
            [tf.constant([1.0, 0.0])],
            [variable],
            learning_rate=tf.constant(config.optimizer.learning_rate),
            gradient_norm=tf.constant(1.0),
            ema_decay=tf.constant(0.5),
        )
    assert np.all(np.isfinite(variable)) and 0.9 < variable.numpy()[0] < 0.9999 and variable.numpy()[1] == 1.0


DECAY = 0.7


def keras_step(optimizer, gradients, variables):
    optimizer.apply(gradients, variables)


def step_in_place(optimizer, gradients, variables):
    optimizer.update_in_place(
        gradients,
        variables,
        learning_rate=tf.constant(0.01),
        gradient_norm=tf.linalg.global_norm(gradients),
        ema_decay=tf.constant(DECAY),
    )


def trained(kind, update, fill=0, **settings):
    """Weights, slots and moving averages after 20 steps with gradients of 1e-6 to 1e3, and the slots' names."""
    rng = np.random.default_rng(0)
    shapes = {"a": (3, 5), "b": (7,)}
    variables = [keras.Variable(rng.standard_normal(shapes[name]).astype("float32"), name=name) for name in shapes]
    optimizer = kind(
        learning_rate=0.01,
        beta_1=0.8,
        beta_2=0.95,
        epsilon=1e-6,
        global_clipnorm=500.0,
        use_ema=True,
        ema_momentum=DECAY,
        name="adam",
        **settings,
    )
    optimizer.build(variables)
    if update is step_in_place:
        for slot in optimizer.variables[2:]:  # before them are two numbers
            slot.assign(tf.fill(slot.shape, tf.cast(fill, slot.dtype)))
        optimizer.reset()

    @tf.function
    def step(gradients):
        update(optimizer, gradients, variables)

    norms = []
    for _ in range(20):
        gradients = [tf.constant(10 ** rng.uniform(-6, 3) * rng.standard_normal(v.shape), v.dtype) for v in variables]
        norms.append(float(tf.linalg.global_norm(gradients)))
        step(gradients)
    assert min(norms) < 500.0 < max(norms)  # some are clipped
    return [v.numpy() for v in (*variables, *optimizer.variables)], [v.path for v in optimizer.variables]


@pytest.mark.parametrize(("ours", "theirs"), [(Adam, keras.optimizers.Adam), (Adamax, keras.optimizers.Adamax)])
def test_gives_what_keras_gives(ours, theirs):
    (values, names), (expected, expected_names) = trained(ours, step_in_place), trained(theirs, keras_step)
    assert names == expected_names
    for value, right in zip(values, expected, strict=True):
        np.testing.assert_allclose(value, right, rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize(("ours", "theirs"), [(Adam, keras.optimizers.AdamW), (Adamax, keras.optimizers.Adamax)])
def test_weights_decay_as_keras_has_it(ours, theirs):
    (values, _), (expected, _) = (
        trained(kind, update, weight_decay=0.3) for kind, update in ((ours, step_in_place), (theirs, keras_step))
    )
    for value, right in zip(values, expected, strict=True):
        np.testing.assert_allclose(value, right, rtol=2e-5, atol=1e-7)
    assert np.max(np.abs(values[0] - trained(ours, step_in_place)[0][0])) > 1e-3  # the control


def test_the_decay_of_a_config_is_the_optimizer_s():
    config = default_config()
    assert build_optimizer(config.optimizer, 0.0).weight_decay is None
    config.optimizer.weight_decay = 0.1
    optimizer, variable = build_optimizer(config.optimizer, 0.0), keras.Variable([2.0])
    optimizer.build([variable])
    optimizer.reset()
    numbers = {"learning_rate": tf.constant(0.5), "gradient_norm": tf.constant(0.0), "ema_decay": tf.constant(0.0)}
    optimizer.update_in_place([tf.constant([0.0])], [variable], **numbers)
    np.testing.assert_allclose(variable, [2.0 * (1.0 - 0.5 * 0.1)], rtol=1e-6)
    config.optimizer.weight_decay = -0.1
    with pytest.raises(UserError, match=r"^--config.optimizer.weight_decay=-0.1: must be at least 0.0$"):
        validate(config)


@pytest.mark.parametrize("kind", [Adam, Adamax])
def test_slots_are_reset_whatever_their_memory_held(kind):
    for value, right in zip(trained(kind, step_in_place, fill=7)[0], trained(kind, step_in_place)[0], strict=True):
        np.testing.assert_array_equal(value, right)
