"""Weights that are set from the first batch."""

import keras
import tensorflow as tf

from flowconv.core.network import Average


def channel_moments(x: tf.Tensor, average: Average, rank: int = 1) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns mean and standard deviation of x `[B, H, W, C]` over the batches of all workers.

    Args:
      x: the batch.
      average: returns a tensor's mean over all workers.
      rank: of the results: 1 for those of each channel, `[C]`, 3 for those of each number, `[H, W, C]`.

    Raises:
      ValueError: for no image at all, or for one number in all, which has no deviation.
    """
    axes = x.shape.rank - rank
    numbers = x.shape[:axes].num_elements()  # None where it isn't known
    if numbers == 0:
        raise ValueError("expected images to initialize with, got none")
    if numbers == 1 and average is tf.identity:
        raise ValueError("expected several images to initialize with, got one: a single number has no deviation")
    moments = tf.nn.moments(x, list(range(axes)))
    mean, variance = (tf.cast(moment, tf.float64) for moment in moments)
    mean, mean_of_squares = tf.unstack(average(tf.stack([mean, variance + mean**2])))  # mean² cancels below
    return mean, tf.sqrt(tf.maximum(mean_of_squares - mean**2, 0.0)) + 1e-6


def set_actnorm(layer: keras.layers.Layer, x: tf.Tensor, average: Average) -> None:
    """Sets the layer's `log_scale` and `bias` so that x ⊙ exp(log_scale) + bias is normalized.

    It is in each channel, if they are `[C]`, and at each position of each channel, if they are `[H, W, C]`. A layer
    whose variable `initialized` says that this was done stays as it is.
    """
    mean, deviation = channel_moments(x, average, len(layer.log_scale.shape))
    for variable, value in ((layer.log_scale, -tf.math.log(deviation)), (layer.bias, -mean / deviation)):
        variable.assign(tf.where(layer.initialized.value > 0, variable.value, tf.cast(value, variable.dtype)))
    layer.initialized.assign(1.0)
