"""Substitution in triangular systems of images, one anti-diagonal of pixels at a time."""

import math

import numpy as np
import tensorflow as tf

CHAINS = 2  # parts of the batch that are solved side by side: one product alone is too small for all cores


def substitute_back(y: tf.Tensor, centre_inverse: tf.Tensor, taps: tf.Tensor, reverse: bool = False) -> tf.Tensor:
    """Solves y_ij = x_ij K_00 + Σ_ab x_{i+a, j+b} K_ab for x, in H + W − 1 steps.

    The pixels of an anti-diagonal i + j depend on those of later ones alone, so that each is one step: products of
    matrices of just these pixels, all together as much arithmetic as the convolution. The steps are unrolled.

    Args:
      y: `[B, H, W, C]`.
      centre_inverse: K_00⁻¹, `[C, C]` = [in, out].
      taps: `[n, C, C]`, K_ab of all (a, b) in a square window but (0, 0), row by row.
      reverse: whether x_{i−a, j−b} stands in the place of x_{i+a, j+b}.

    Returns:
      x, `[B, H, W, C]`.
    """
    parts = tf.split(y, CHAINS) if y.shape[0] and y.shape[0] % CHAINS == 0 else [y]
    taps = tf.unstack(-taps @ centre_inverse)
    return tf.concat([_solve(part, centre_inverse, taps, reverse) for part in parts], axis=0)


def _solve(y, centre_inverse, taps, reverse):
    height, width, channels = y.shape[1:]
    count = height * width
    window = math.isqrt(len(taps) + 1)
    offsets = [(a, b) for a in range(window) for b in range(window)][1:]
    last = height + width - 2
    first_rows = [max(0, d - width + 1) for d in range(last + 1)]  # of the pixels (i, d − i), from the top down
    lengths = [min(height, d + 1) - first for d, first in enumerate(first_rows)]
    order = np.array([i * width + d - i for d, i0 in enumerate(first_rows) for i in range(i0, i0 + lengths[d])])
    if reverse:
        order = count - 1 - order

    pixels = tf.gather(tf.reshape(tf.transpose(y, [1, 2, 0, 3]), [count, -1, channels]), order)
    right_hand_sides = tf.split(_product(pixels, centre_inverse), lengths)
    solved, products = [None] * (last + 1), [None] * (last + 1)
    for d in range(last, -1, -1):
        x = right_hand_sides[d]
        terms = [
            _rows(products[d + a + b][number], first_rows[d + a + b], first_rows[d] + a, lengths[d])
            for number, (a, b) in enumerate(offsets)
            if d + a + b <= last
        ]
        solved[d] = x = tf.add_n([x, *terms])
        products[d] = [_product(x, tap) for tap in taps]
    x = tf.gather(tf.concat(solved, axis=0), np.argsort(order))
    return tf.transpose(tf.reshape(x, [height, width, -1, channels]), [2, 0, 1, 3])


def _product(x, matrix):
    """[n, B, C] @ [C, C], as one product of two matrices."""
    return tf.reshape(tf.matmul(tf.reshape(x, [-1, x.shape[-1]]), matrix), [x.shape[0], -1, x.shape[-1]])


def _rows(x, first, start, length):
    """Returns `length` rows of x from number `start`, where x begins with row `first` and all around it is 0."""
    stop, end = start + length, first + x.shape[0]
    inside = x[max(start, first) - first : min(stop, end) - first]
    above, below = max(0, first - start), max(0, stop - end)
    return tf.pad(inside, [[above, below], [0, 0], [0, 0]]) if above or below else inside
