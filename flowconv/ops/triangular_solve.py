"""Substitution in triangular systems of images, one anti-diagonal of pixels at a time."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from flowconv.ops.shapes import batch_size

CHAINS = 2  # parts of the batch that are solved side by side: one product alone is too small for all cores


class TriangularSystem(NamedTuple):
    """y_ij = x_ij K_00 + Σ_ab x_{i+a, j+b} K_ab, over 0 ≤ a, b < window; pixels beyond the border are 0.

    Attributes:
      centre_inverse: K_00⁻¹, `[C, C]` = [in, out].
      taps: K_ab of all (a, b) but (0, 0), row by row, `[window² − 1, C, C]`.
      reverse: whether x_{i−a, j−b} stands in the place of x_{i+a, j+b}.
    """

    centre_inverse: tf.Tensor
    taps: tf.Tensor
    reverse: bool


def substitute_back(y: tf.Tensor, systems: Sequence[TriangularSystem]) -> tf.Tensor:
    """Solves the first system for x, which is the y of the next one, and so on.

    The pixels of an anti-diagonal i + j depend on those of later ones alone, so that each of these is one step:
    products of matrices of just its pixels, over all H + W − 1 steps as much arithmetic as the convolution. The steps
    are unrolled.

    Args:
      y: `[B, H, W, C]`.
      systems: what is solved, in this order.

    Returns:
      The last x, `[B, H, W, C]`.
    """
    batch, (height, width, channels) = batch_size(y), y.shape[1:]
    diagonals = [  # of the pixels (i, d − i): the first row, and how many there are
        (first := max(0, d - width + 1), min(height, d + 1) - first) for d in range(height + width - 1)
    ]
    order = np.array([i * width + d - i for d, (first, n) in enumerate(diagonals) for i in range(first, first + n)])
    chains = CHAINS if y.shape[0] and y.shape[0] % CHAINS == 0 else 1
    part = batch // chains
    # Rows of y in the order in which they are solved: by chain, by diagonal, by pixel, by example.
    examples = tf.reshape(tf.range(batch), [chains, 1, part])
    places = tf.reshape(examples * (height * width) + order[:, None], [-1])
    sizes = [n * part for _ in range(chains) for _, n in diagonals]
    rows = tf.split(tf.gather(tf.reshape(y, [-1, channels]), places), sizes)
    solved: list[tf.Tensor] = []
    for chain in range(chains):
        x = rows[chain * len(diagonals) : (chain + 1) * len(diagonals)]
        for system in systems:
            x = _solve(x, system, diagonals, part)
        solved += x
    x = tf.gather(tf.concat(solved, axis=0), tf.math.invert_permutation(places))
    return tf.reshape(x, [-1, height, width, channels])


def _solve(
    y: Sequence[tf.Tensor], system: TriangularSystem, diagonals: Sequence[tuple[int, int]], batch: int
) -> list[tf.Tensor]:
    """Solves one system; y and the result are lists over the diagonals of `[n·B, C]`."""
    window = math.isqrt(system.taps.shape[0] + 1)
    sign = -1 if system.reverse else 1
    offsets = [(sign * a, sign * b) for a in range(window) for b in range(window)][1:]
    taps = -system.taps @ system.centre_inverse
    solved: list[tf.Tensor] = [None] * len(y)
    products: list[list[tf.Tensor]] = [[]] * len(y)

    def contribution(number: int, d: int, first_row: int, length: int) -> tf.Tensor | None:
        """Rows `first_row`, … of a product of diagonal d, 0 beyond the border; None if all of them are beyond it."""
        if not 0 <= d < len(y):
            return None
        start = first_row - diagonals[d][0]
        above, below = max(0, -start), max(0, start + length - diagonals[d][1])
        if max(above, below) >= length:
            return None
        inside = products[d][number][(start + above) * batch : (start + length - below) * batch]
        return tf.pad(inside, [[above * batch, below * batch], [0, 0]]) if above or below else inside

    for d in range(len(y))[::-sign]:
        first, length = diagonals[d]
        terms = [contribution(number, d + a + b, first + a, length) for number, (a, b) in enumerate(offsets)]
        solved[d] = tf.add_n([tf.matmul(y[d], system.centre_inverse), *(term for term in terms if term is not None)])
        products[d] = tf.unstack(tf.matmul(solved[d][None], taps))
    return solved
