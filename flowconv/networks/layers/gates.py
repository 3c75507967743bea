"""The nonlinearities of Flow++ (Ho et al. 2019)."""

import tensorflow as tf


def concat_elu(x: tf.Tensor) -> tf.Tensor:
    """Returns elu([x, −x]), which has twice as many channels."""
    return tf.nn.elu(tf.concat([x, -x], -1))


def gate(x: tf.Tensor) -> tf.Tensor:
    """Returns a·σ(b) of x = [a, b], which has half as many channels."""
    a, b = tf.split(x, 2, -1)
    return a * tf.sigmoid(b)
