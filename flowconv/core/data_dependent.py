"""Weights that are set from the first batch."""

import keras
import tensorflow as tf

from flowconv.core.network import Average


def channel_moments(x: tf.Tensor, average: Average) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns mean and standard deviation, `[C]` each, of x `[B, H, W, C]` over the batches of all workers."""
    moments = tf.nn.moments(x, list(range(x.shape.rank - 1)))
    mean, variance = (tf.cast(moment, tf.float64) for moment in moments)
    mean, mean_of_squares = tf.unstack(average(tf.stack([mean, variance + mean**2])))  # mean² cancels below
    return mean, tf.sqrt(tf.maximum(mean_of_squares - mean**2, 0.0)) + 1e-6


def set_actnorm(layer: keras.layers.Layer, x: tf.Tensor, average: Average) -> None:
    """Sets the layer's `log_scale` and `bias`, `[C]`, so that x ⊙ exp(log_scale) + bias is normalized in each channel.

    A layer whose variable `initialized` says that this was done stays as it is.
    """
    mean, deviation = channel_moments(x, average)
    for variable, value in ((layer.log_scale, -tf.math.log(deviation)), (layer.bias, -mean / deviation)):
        variable.assign(tf.where(layer.initialized.value > 0, variable.value, tf.cast(value, variable.dtype)))
    layer.initialized.assign(1.0)
