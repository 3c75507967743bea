"""Permutations of the numbers of images that move neighbouring channels together."""

from typing import Any

import numpy as np
import tensorflow as tf

from flowconv.ops.custom_gradient import custom_gradient


def permute_pixels(x: tf.Tensor, order: np.ndarray) -> tf.Tensor:
    """Returns y of the shape of x, of which number n is number order[n] of x, in every image.

    Numbers that stay side by side are copied as a block, and everything in one pass: what slices and `tf.concat`, or
    `tf.roll`, do in several. The gradient is the inverse permutation; that of `tf.gather` would add blocks up one by
    one.

    Args:
      x: `[B, H, W, C]`.
      order: a permutation of 0, …, H·W·C − 1.
    """
    block = _block(order, x.shape[-1])
    blocks = (order[::block] // block).astype(np.int32)

    @custom_gradient
    def permuted(x: tf.Tensor) -> Any:
        return _gather(x, blocks), lambda dy: permute_pixels(tf.ensure_shape(dy, x.shape), np.argsort(order))

    return permuted(x)


def _gather(x: tf.Tensor, blocks: np.ndarray) -> tf.Tensor:
    size = np.prod(x.shape[1:]) // len(blocks)
    return tf.reshape(tf.gather(tf.reshape(x, [-1, len(blocks), size]), blocks, axis=1), [-1, *x.shape[1:]])


def _block(order: np.ndarray, channels: int) -> int:
    """The largest number of channels that moves as one, wherever a block of so many begins."""
    starts = np.flatnonzero(np.diff(order, prepend=-2) != 1)
    return int(np.gcd.reduce([channels, *starts, *order[starts]]))
