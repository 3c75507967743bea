"""Substitution in triangular systems of images, one anti-diagonal of blocks of pixels at a time."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from flowconv.ops.custom_gradient import custom_gradient
from flowconv.ops.shapes import batch_size

BLOCK = 48  # numbers of a block: so many columns the products of matrices need to be fast


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

    def transposed(self) -> "TriangularSystem":
        """Returns the system of the transposed matrix."""
        return TriangularSystem(tf.linalg.matrix_transpose(self.kernel), not self.reverse)


def solve(parts: Sequence[tf.Tensor], systems: Sequence[TriangularSystem]) -> list[tf.Tensor]:
    """Returns the x of which the systems, applied one after the other, make each y.

    The gradient is that of the implicit function theorem: one more substitution, in the transposed systems, and the
    gradient of convolutions. TensorFlow's own would keep all intermediate results of all steps.

    Args:
      parts: several y, `[B, H, W, C]`, of one size of images. They are solved side by side: the products of one alone
        are too small for all cores.
      systems: in the order in which they are applied to x.
    """
    count, reverse = len(parts), [system.reverse for system in systems]

    @custom_gradient
    def solution(*tensors: tf.Tensor) -> Any:
        given = [TriangularSystem(*pair) for pair in zip(tensors[count:], reverse, strict=True)]

        def gradient(*dx: tf.Tensor) -> tuple[tf.Tensor, ...]:
            # In a loop's gradient they are tensors of another graph, which a tape follows only if they are new to it.
            own = [TriangularSystem(tf.identity(system.kernel), system.reverse) for system in given]
            roots = solve(tensors[:count], own)  # not x: these derivatives may be differentiated, too
            dx = [tf.ensure_shape(each, root.shape) for each, root in zip(dx, roots, strict=True)]
            dy = solve(dx, [system.transposed() for system in reversed(own)])
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch([system.kernel for system in own])
                applied = [functools.reduce(lambda x, system: system.apply(x), own, root) for root in roots]
            return *dy, *tape.gradient(applied, [system.kernel for system in own], [-each for each in dy])

        return substitute_back(tensors[:count], given[::-1]), gradient

    return list(solution(*parts, *(system.kernel for system in systems)))


def substitute_back(parts: Sequence[tf.Tensor], systems: Sequence[TriangularSystem]) -> list[tf.Tensor]:
    """Solves the first system for x, which is the y of the next one, and so on.

    A row of pixels is divided into blocks. The blocks of an anti-diagonal depend on those of later ones alone, so that
    each of these is one step: products of matrices of just its blocks. Blocks of one pixel would take as much
    arithmetic as the convolution, but with few channels too many steps of too small products. The steps are unrolled.

    Args:
      parts: the y, `[B, H, W, C]` each.
      systems: what is solved, in this order.

    Returns:
      The last x of each part, `[B, H, W, C]`.
    """
    size = _block_size(*parts[0].shape[2:])
    of_blocks = [_BlockSystem(system, size) for system in systems]
    return [_substitute(part, of_blocks, size) for part in parts]


def _block_size(width: int, channels: int) -> int:
    """The pixels of a block, all blocks alike."""
    return max(n for n in range(1, width + 1) if width % n == 0 and (n == 1 or n * channels <= BLOCK))


def _substitute(y: tf.Tensor, systems: Sequence["_BlockSystem"], size: int) -> tf.Tensor:
    batch, (height, width, channels) = batch_size(y), y.shape[1:]
    columns = width // size
    diagonals = [  # of the blocks (i, d − i): the first row, and how many there are
        (first := max(0, d - columns + 1), min(height, d + 1) - first) for d in range(height + columns - 1)
    ]
    order = np.array([i * columns + d - i for d, (first, n) in enumerate(diagonals) for i in range(first, first + n)])
    # Rows of y in the order in which they are solved: by diagonal, by block, by example.
    examples = tf.range(batch)
    places = tf.reshape(examples * len(order) + order[:, None].astype(np.int32), [-1])
    rows = tf.gather(tf.reshape(y, [-1, size * channels]), places)
    x = tf.split(rows, [n * batch for _, n in diagonals])
    for system in systems:
        x = system.solve(x, diagonals, batch)
    places = tf.reshape(examples[:, None] + batch * np.argsort(order).astype(np.int32), [-1])
    return tf.reshape(tf.gather(tf.concat(x, axis=0), places), [-1, height, width, channels])


class _BlockSystem:
    """A triangular system of blocks: X_iJ = (Y_iJ − Σ_am X_{i+a, J+m} R_am) T⁻¹.

    Of a neighbour m ≥ 1 blocks away only the first pixels are needed. With `reverse` they are X_{i−a, J−m}, and of
    these the last pixels.
    """

    def __init__(self, system: TriangularSystem, size: int):
        window, channels = system.kernel.shape[0], system.kernel.shape[-1]
        self.sign = -1 if system.reverse else 1
        self.margin = window - 1  # blocks of zeros on both sides of a diagonal: those beyond the border
        pixels = {m: n for m in range(window) if (n := min(size, (1 - m) * size + window - 1)) > 0}
        self.widths = {m: n * channels for m, n in pixels.items()}
        self.neighbours = [(a, m) for a in range(window) for m in pixels]  # the first one is the block itself
        # Which tap is between each of their pixels and each of the block; number window² is one of zeros.
        block, numbers = np.arange(size), []
        for a, m in self.neighbours:
            b = self.sign * (block[self._needed(pixels[m]), None] - block) + m * size
            numbers.append(np.where((b >= 0) & (b < window), a * window + b, window**2))
        taps = tf.reshape(tf.cast(system.kernel, tf.float64), [window**2, channels, channels])
        taps = tf.concat([taps, tf.zeros_like(taps[:1])], axis=0)
        matrices = tf.transpose(tf.gather(taps, np.concatenate(numbers)), [0, 2, 1, 3])
        matrices = tf.reshape(matrices, [-1, size * channels])
        inverse = _block_inverse(matrices[: size * channels], channels, system.reverse)
        others = -matrices[size * channels :] @ inverse
        matrices = tf.cast(tf.concat([inverse, others], axis=0), system.kernel.dtype)
        self.matrices = tf.split(matrices, [self.widths[m] for _, m in self.neighbours])
        self._together: dict[tuple[int, ...], tf.Tensor] = {}

    def solve(self, y: Sequence[tf.Tensor], diagonals: Sequence[tuple[int, int]], batch: int) -> list[tf.Tensor]:
        """Returns X, as Y a list over the diagonals of `[n·B, size·C]`."""
        solved: dict[int, tf.Tensor] = {}

        @functools.cache
        def needed(d: int, width: int) -> tf.Tensor:
            return solved[d] if width == self.widths[0] else solved[d][:, self._needed(width)]

        @functools.cache
        def padded(d: int, width: int) -> tf.Tensor:
            margin = self.margin * batch
            return tf.pad(needed(d, width), [[margin, margin], [0, 0]])

        for d in range(len(diagonals))[:: -self.sign]:
            # All that a block depends on side by side, so that a step is one product: few operations are what counts.
            (first, length), numbers, columns = diagonals[d], [0], [y[d]]
            for number, (a, m) in enumerate(self.neighbours[1:], 1):
                other = d + self.sign * (a + m)
                if not 0 <= other < len(diagonals):
                    continue
                numbers.append(number)
                begin, width = first + self.sign * a - diagonals[other][0], self.widths[m]
                if begin >= 0 and begin + length <= diagonals[other][1]:
                    rows = needed(other, width)
                else:
                    begin, rows = begin + self.margin, padded(other, width)
                columns.append(rows[begin * batch : (begin + length) * batch])
            solved[d] = tf.matmul(tf.concat(columns, axis=1), self._matrix(tuple(numbers)))
        return [solved[d] for d in range(len(diagonals))]

    def _matrix(self, numbers: tuple[int, ...]) -> tf.Tensor:
        if numbers not in self._together:
            self._together[numbers] = tf.concat([self.matrices[number] for number in numbers], axis=0)
        return self._together[numbers]

    def _needed(self, width: int) -> slice:
        return slice(-width, None) if self.sign < 0 else slice(width)


def _block_inverse(matrix: tf.Tensor, channels: int, reverse: bool) -> tf.Tensor:
    """Returns T⁻¹, with T triangular in its blocks of C×C numbers, and each of these triangular the other way."""
    shape = [matrix.shape[0] // channels, channels] * 2
    turned = tf.reverse(tf.reshape(matrix, shape), axis=[1, 3])  # with channels in the opposite order triangular
    turned = tf.reshape(turned, matrix.shape)
    inverse = tf.linalg.triangular_solve(turned, tf.eye(matrix.shape[0], dtype=matrix.dtype), lower=not reverse)
    return tf.reshape(tf.reverse(tf.reshape(inverse, shape), axis=[1, 3]), matrix.shape)
