"""Normalization over channels, whose gradient keeps little."""

from typing import Any

import tensorflow as tf

from flowconv.ops.custom_gradient import custom_gradient


def normalize_channels(x: tf.Tensor, epsilon: float) -> tf.Tensor:
    """Returns (x − mean) / √(variance + epsilon) over the last axis, in the dtype of x.

    Statistics have at least float32's precision. TensorFlow's own gradient of these few lines keeps, and passes over,
    twice as many tensors of x's size.
    """

    @custom_gradient
    def normalized(x: tf.Tensor) -> Any:
        wide = tf.cast(x, tf.float32) if x.dtype.size < 4 else x
        centered = wide - tf.reduce_mean(wide, -1, keepdims=True)
        scale = tf.math.rsqrt(tf.reduce_mean(tf.square(centered), -1, keepdims=True) + epsilon)
        y = centered * scale

        def gradient(dy: tf.Tensor) -> tf.Tensor:
            dy = tf.cast(dy, y.dtype)
            along = tf.reduce_mean(dy * y, -1, keepdims=True)
            return tf.cast(scale * (dy - tf.reduce_mean(dy, -1, keepdims=True) - y * along), x.dtype)

        return tf.cast(y, x.dtype), gradient

    return normalized(x)
