"""Sums and counts over the axes of images `[B, H, W, C]`."""

import tensorflow as tf


def batch_size(x: tf.Tensor) -> int | tf.Tensor:
    """Returns the length of the first axis, as a number where it is known."""
    return x.shape[0] or tf.shape(x)[0]


def pixels(x: tf.Tensor) -> float:
    """Returns H·W of images `[B, H, W, C]`."""
    return float(x.shape[1] * x.shape[2])


def per_example(value: tf.Tensor | float, x: tf.Tensor) -> tf.Tensor:
    """Broadcasts a data-independent log-determinant to the batch of x, `[B]`."""
    return tf.fill([batch_size(x)], tf.cast(value, x.dtype))


def sum_per_example(x: tf.Tensor) -> tf.Tensor:
    """Returns the sum over all axes but the first, `[B]`."""
    return tf.reduce_sum(x, axis=list(range(1, x.shape.rank)))


def per_number(parameters: tf.Tensor, n: int) -> tf.Tensor:
    """Returns n blocks of C channels, `[B, H, W, n·C]`, as n parameters of each number, `[n, B, H, W, C]`.

    They come first, since sums over a short last axis take up to three times as long.
    """
    channels = parameters.shape[-1] // n
    blocks = tf.transpose(tf.reshape(parameters, [-1, n, channels]), [1, 0, 2])
    return tf.reshape(blocks, tf.concat([[n], tf.shape(parameters)[:-1], [channels]], axis=0))
