"""Permutations along an axis."""

from typing import Any

import tensorflow as tf

from flowconv.ops.custom_gradient import custom_gradient


def permute(x: tf.Tensor, order: tf.Tensor, axis: int = -1) -> tf.Tensor:
    """Returns x with an axis in an order, int32 `[C]`.

    `tf.gather` would do, but for its gradient, which adds rows up one by one.
    """

    @custom_gradient
    def permuted(x: tf.Tensor, order: tf.Tensor) -> Any:
        return tf.gather(x, order, axis=axis), lambda dy: (permute(dy, tf.math.invert_permutation(order), axis), None)

    return permuted(x, order)
