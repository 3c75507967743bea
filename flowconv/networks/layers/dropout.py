"""Dropout."""

import tensorflow as tf

from flowconv.core.inputs import Inputs
from flowconv.ops.shapes import batch_size


def dropout(x: tf.Tensor, rate: float, inputs: Inputs) -> tf.Tensor:
    """Returns x with a part `rate` of its numbers set to 0 and the others divided by 1 − rate, if `inputs.training`.

    Which ones is a function of `inputs.seed` and an image's number alone: a step of a flow that is evaluated again, or
    inverted, drops the same ones.

    Raises:
      ValueError: if there is no seed to draw by.
    """
    if rate == 0.0 or not inputs.training:
        return x
    if inputs.seed is None:
        raise ValueError("dropout in training needs a seed in its inputs, as Inputs(seed=Seed(0), training=True)")
    kept = inputs.seed.uniform((batch_size(x), *x.shape[1:])) >= rate
    return tf.where(kept, x / tf.cast(1.0 - rate, x.dtype), tf.zeros([], x.dtype))
