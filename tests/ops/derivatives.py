"""Derivatives of functions under test."""

import tensorflow as tf


def derivatives(function, x):
    """Returns the function's value and its first two derivatives, as far as there are any."""
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = function(x)
        first = inner.gradient(y, x)
    return y, first, outer.gradient(first, x)
