"""ReLU, on CPUs in bfloat16, too."""

import numpy as np
import tensorflow as tf

from flowconv.bijectors.side_by_side import on_cores


def relu(x: tf.Tensor) -> tf.Tensor:
    """Returns max(x, 0) of x, of any shape.

    On CPUs, which take each bfloat16 apart into a float32, it is computed of the integers of the same bits, which are
    as negative as the number: 1.7 times as fast, and backward, a product with 0 or 1, about 1.5 times.
    (Where x isn't positive, that is 0 even of a gradient that isn't finite.)
    """
    return _relu_of_bits(x) if x.dtype == tf.bfloat16 and on_cores() else tf.nn.relu(x)


@tf.custom_gradient
def _relu_of_bits(x):
    y = tf.nn.relu(tf.bitcast(x, tf.int16))

    def gradient(dy):
        positive = tf.minimum(y, np.int16(1))
        return tf.bitcast(tf.bitcast(dy, tf.int16) * positive, tf.bfloat16)

    return tf.bitcast(y, tf.bfloat16), gradient
