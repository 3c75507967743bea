"""GELU, whose gradient keeps little."""

import math
from typing import Any

import tensorflow as tf

from flowconv.ops.custom_gradient import custom_gradient

SLOPE, CUBIC = math.sqrt(8 / math.pi), 0.044715  # Φ(x) ≈ sigmoid(SLOPE·(x + CUBIC·x³))


@custom_gradient
def gelu(x: tf.Tensor) -> Any:
    """Returns x·Φ(x) of x, of any shape, with the usual approximation of Φ.

    `tf.nn.gelu(x, approximate=True)` has the same numbers, as x·(1 + tanh)/2. But it passes over memory more often, and
    TensorFlow's gradient of it twice as often as this one.
    """
    below = tf.sigmoid(x * (SLOPE + SLOPE * CUBIC * tf.square(x)))
    y = x * below

    def gradient(dy: tf.Tensor) -> tf.Tensor:
        return dy * (below + y * (1 - below) * (SLOPE + 3 * SLOPE * CUBIC * tf.square(x)))

    return y, gradient
