"""Substitution in triangular systems of images, one anti-diagonal of pixels at a time."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from flowconv.ops.custom_gradient import custom_gradient
from flowconv.ops.shapes import batch_size

CHAINS = 2  # parts of the batch that are solved side by side: one product alone is too small for all cores


class TriangularSystem(NamedTuple):
    """y_ij = Σ_ab x_{i+a, j+b} K_ab over 0 ≤ a, b < window, K_00 triangular; pixels beyond the border are 0.

    Attributes:
      kernel: K, `[window, window, C, C]` = [a, b, in, out]; K_00 is upper triangular, with `reverse` lower.
      reverse: whether x_{i−a, j−b} stands in the place of x_{i+a, j+b}.
    """

    kernel: tf.Tensor
    reverse: bool

    def apply(self, x: tf.Tensor) -> tf.Tensor:
        """Returns y."""
        border = self.kernel.shape[0] - 1
        pad = [border, 0] if self.reverse else [0, border]
        kernel = tf.reverse(self.kernel, axis=[0, 1]) if self.reverse else self.kernel
        return tf.nn.conv2d(tf.pad(x, [[0, 0], pad, pad, [0, 0]]), kernel, 1, "VALID")

    def centre_inverse(self) -> tf.Tensor:
        """Returns K_00⁻¹, computed in float64."""
        centre = tf.cast(self.kernel[0, 0], tf.float64)
        inverse = tf.linalg.triangular_solve(centre, tf.eye(centre.shape[0], dtype=tf.float64), lower=self.reverse)
        return tf.cast(inverse, self.kernel.dtype)

    def other_taps(self) -> tf.Tensor:
        """Returns K_ab of all (a, b) but (0, 0), row by row, `[window² − 1, C, C]`."""
        return tf.reshape(self.kernel, [-1, *self.kernel.shape[2:]])[1:]

    def transposed(self) -> "TriangularSystem":
        """Returns the system of the transposed matrix."""
        return TriangularSystem(tf.linalg.matrix_transpose(self.kernel), not self.reverse)


def solve(y: tf.Tensor, systems: Sequence[TriangularSystem]) -> tf.Tensor:
    """Returns x of which the systems, applied one after the other, make y.

    The gradient is that of the implicit function theorem: one more substitution, in the transposed systems, and the
    gradient of convolutions. TensorFlow's own would keep all intermediate results of all steps.

    Args:
      y: `[B, H, W, C]`.
      systems: in the order in which they are applied to x.
    """
    reverse = [system.reverse for system in systems]

    @custom_gradient
    def solution(y: tf.Tensor, *kernels: tf.Tensor) -> Any:
        given = [TriangularSystem(*pair) for pair in zip(kernels, reverse, strict=True)]

        def gradient(dx: tf.Tensor) -> tuple[tf.Tensor, ...]:
            # In a loop's gradient they are tensors of another graph, which a tape follows only if they are new to it.
            own = [TriangularSystem(tf.identity(system.kernel), system.reverse) for system in given]
            root = solve(y, own)  # not x: these derivatives may be differentiated, too
            dy = solve(tf.ensure_shape(dx, root.shape), [system.transposed() for system in reversed(own)])
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch([system.kernel for system in own])
                applied = functools.reduce(lambda x, system: system.apply(x), own, root)
            return dy, *tape.gradient(applied, [system.kernel for system in own], -dy)

        return substitute_back(y, given[::-1]), gradient

    return solution(y, *(system.kernel for system in systems))


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
    window = system.kernel.shape[0]
    sign = -1 if system.reverse else 1
    offsets = [(sign * a, sign * b) for a in range(window) for b in range(window)][1:]
    inverse = system.centre_inverse()
    taps = [inverse, *tf.unstack(-system.other_taps() @ inverse)]
    margin = (window - 1) * batch  # rows of zeros on both sides of a diagonal: pixels beyond the border

    @functools.cache
    def matrix(numbers: tuple[int, ...]) -> tf.Tensor:
        return tf.concat([taps[number] for number in numbers], axis=0)

    solved: list[tf.Tensor] = [None] * len(y)
    padded: list[tf.Tensor] = [None] * len(y)
    for d in range(len(y))[::-sign]:
        # All that a pixel depends on side by side, so that a step is one product: few operations are what counts.
        first, length = diagonals[d]
        numbers, columns = [0], [y[d]]
        for number, (a, b) in enumerate(offsets, 1):
            if 0 <= d + a + b < len(y):
                start = margin + (first + a - diagonals[d + a + b][0]) * batch
                numbers.append(number)
                columns.append(padded[d + a + b][start : start + length * batch])
        solved[d] = tf.matmul(tf.concat(columns, axis=1), matrix(tuple(numbers)))
        padded[d] = tf.pad(solved[d], [[margin, margin], [0, 0]])
    return solved
