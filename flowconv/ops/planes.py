"""Images as planes: a row for each number of an image, in which those of all images of a batch lie side by side."""

from typing import Any

import numpy as np
import tensorflow as tf

from flowconv.ops.custom_gradient import custom_gradient


def to_planes(x: tf.Tensor) -> tf.Tensor:
    """Returns x `[B, H, W, C]` as `[H·W·C, B]`.

    Any permutation of the numbers of an image moves whole rows here, in memory as on paper. In x it would copy a few
    channels at a time: that takes up to ten times as long.
    """
    return tf.transpose(tf.reshape(x, [-1, int(np.prod(x.shape[1:]))]))


def from_planes(planes: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
    """Returns planes as images `[B, *shape]`."""
    return tf.reshape(tf.transpose(planes), [-1, *shape])


def permute_planes(planes: tf.Tensor, order: np.ndarray) -> tf.Tensor:
    """Returns the planes of which row n is row order[n] of the given ones.

    The gradient is the inverse permutation; that of `tf.gather` would add rows up one by one. It is known beforehand:
    `permute`, whose order may be a weight, inverts that in every step.

    Args:
      planes: `[H·W·C, B]`.
      order: a permutation of 0, …, H·W·C − 1.
    """

    @custom_gradient
    def permuted(planes: tf.Tensor) -> Any:
        return tf.gather(planes, order.astype(np.int32)), lambda dy: permute_planes(dy, np.argsort(order))

    return permuted(planes)


def mix_planes(matrix: tf.Tensor, planes: tf.Tensor) -> tf.Tensor:
    """Returns W x_ij at every pixel, of planes in the order of channels, rows, columns.

    Args:
      matrix: W, `[C, C]`.
      planes: `[C·H·W, B]`.
    """
    return tf.reshape(matrix @ by_channels(planes, matrix.shape[0]), tf.shape(planes))


def by_channels(planes: tf.Tensor, channels: int) -> tf.Tensor:
    """Returns planes in the order of channels, rows, columns as `[C, H·W·B]`."""
    return tf.reshape(planes, [channels, -1])
