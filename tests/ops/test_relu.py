"""Our ReLU against TensorFlow's."""

import numpy as np
import pytest
import tensorflow as tf

from flowconv.ops.relu import relu


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_is_relu_and_so_is_its_gradient(dtype):
    x = np.random.default_rng(0).standard_normal((3, 5)).astype("float32")
    x.flat[:4] = [0.0, -0.0, np.inf, -np.inf]
    dy = np.where(np.isfinite(x), 2 * x, 7.0)[::-1]  # TensorFlow's makes NaN of 0 times infinity
    x, dy = tf.cast(x, dtype), tf.cast(dy, dtype)

    def with_gradient(function):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return y, tape.gradient(y, x, dy)

    for ours, theirs in zip(with_gradient(relu), with_gradient(tf.nn.relu), strict=True):
        np.testing.assert_array_equal(tf.cast(ours, tf.float32), tf.cast(theirs, tf.float32))


def test_of_bits_passes_infinite_gradients_where_it_is_open_alone():
    x = tf.constant([1.0, np.inf, 0.0, -0.0, -1.0, -np.inf], tf.bfloat16)
    for infinite in (np.inf, -np.inf):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = relu(x)
        dx = tape.gradient(y, x, tf.fill(x.shape, tf.constant(infinite, tf.bfloat16)))
        np.testing.assert_array_equal(tf.cast(dx, tf.float32), [infinite, infinite, 0, 0, 0, 0])
