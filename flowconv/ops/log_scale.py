"""Log-scales whose exponentials are neither 0 nor infinite."""

import tensorflow as tf

BOUND = 60.0  # of a log-scale that data set: exp(−60) to exp(60) is all that a float32 map has both ways
LIMIT = 8.0  # of a log|scale|: no learning rate brings exp(±8) to 0 or to infinity


def soft_clip(x: tf.Tensor) -> tf.Tensor:
    """Returns 8·tanh(x / 8): x near 0, never beyond ±LIMIT, with a gradient everywhere near."""
    return LIMIT * tf.tanh(x / LIMIT)


def bounded(x: tf.Tensor) -> tf.Tensor:
    """Returns a log-scale x as it is, but never beyond ±60: exp(x) is then not 0, and leaves room below infinity."""
    return tf.clip_by_value(x, -BOUND, BOUND)
