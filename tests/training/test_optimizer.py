"""The optimizer in one operation is Keras' own."""

import keras
import numpy as np
import tensorflow as tf

from flowconv.training.optimizer import FusedAdam


def trained(kind):
    """Weights, slots and moving averages after 20 steps with gradients of 1e-6 to 1e3, and the slots' names."""
    rng = np.random.default_rng(0)
    shapes = {"a": (3, 5), "b": (7,)}
    variables = [keras.Variable(rng.standard_normal(shapes[name]).astype("float32"), name=name) for name in shapes]
    optimizer = kind(
        learning_rate=0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-6, global_clipnorm=500.0, use_ema=True, name="adam"
    )
    optimizer.build(variables)

    @tf.function
    def step(gradients):
        optimizer.apply(gradients, variables)

    for _ in range(20):
        step([tf.constant(10 ** rng.uniform(-6, 3) * rng.standard_normal(v.shape), v.dtype) for v in variables])
    return [v.numpy() for v in (*variables, *optimizer.variables)], [v.path for v in optimizer.variables]


def test_is_keras_adam():
    (ours, our_names), (theirs, their_names) = trained(FusedAdam), trained(keras.optimizers.Adam)
    assert our_names == their_names
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-7)
