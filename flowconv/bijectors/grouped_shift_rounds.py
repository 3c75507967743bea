"""Rounds of 1×1 convolutions of shifted channels, shifted back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from flowconv.bijectors.bijector import Bijector, Gradients
from flowconv.bijectors.matrices.lu import LUMatrix
from flowconv.bijectors.reshape.grouped_shift import GroupedShift, Offsets
from flowconv.core.inputs import NONE, Inputs
from flowconv.ops import linalg
from flowconv.ops.planes import by_channels, from_planes, mix_planes, permute_planes, to_planes
from flowconv.ops.shapes import per_example, pixels


class GroupedShiftRounds(Bijector):
    """y = R_n⁻¹ W_n R_n ⋯ R_1⁻¹ W_1 R_1 x: each round shifts groups of channels, mixes them, and shifts them back.

    R_r shifts each group by an offset of its own, as `GroupedShift` does; W_r = LU mixes the channels of every place.
    Inverse: R_1⁻¹ W_1⁻¹ R_1 ⋯, exact. Log-determinant: H·W·Σ log |det W_r|; the diagonals of the W_r can't be 0. Cost:
    a 1×1 convolution and a copy a round, and two transpositions of the batch: what one round shifts back and the next
    one shifts is one copy.

    Args:
      offsets: (a, b) of each group, of each round.
      border: what becomes of that which leaves an image, as of `GroupedShift`.
      interleaved: of each round, whether its groups are every n-th channel (default: neighbouring ones in all).

    Example:
      >>> from flowconv.bijectors import GroupedShiftRounds
      >>> layer = GroupedShiftRounds([[(0, 0), (0, 1)], [(0, 0), (1, 0)]])
      >>> layer.build((None, 8, 8, 4))
      >>> layer.weight.matrix().shape
      TensorShape([2, 4, 4])
    """

    def __init__(
        self,
        offsets: Sequence[Offsets],
        border: Literal["periodic", "conveyor"] = "periodic",
        interleaved: Sequence[bool] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        groupings = interleaved or [False] * len(offsets)
        self.shifts = [GroupedShift(each, border, own) for each, own in zip(offsets, groupings, strict=True)]
        # Of all rounds in one: an operation on a stack takes no longer than on one matrix, which is small.
        self.weight = LUMatrix(dtype=self.dtype_policy, name="weight")

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.weight.build(input_shape, stack=(len(self.shifts),))

    def orders(self, shape: tuple[int, ...]) -> list[np.ndarray]:
        """Returns the permutations before, between and after the products, of images `(H, W, C)`.

        The products take the order of channels, rows, columns; images have that of rows, columns, channels.
        """
        planes = np.arange(np.prod(shape)).reshape(shape).transpose(2, 0, 1).ravel()
        shifted = [shift.order(shape)[planes] for shift in self.shifts]
        between = [np.argsort(before)[after] for before, after in itertools.pairwise(shifted)]
        return [shifted[0], *between, np.argsort(shifted[-1])]

    def matrices(self) -> list[tf.Tensor]:
        """Returns the W_r, `[C, C]` each."""
        return tf.unstack(self.weight.matrix())

    def inverse_matrices(self) -> list[tf.Tensor]:
        """Returns the W_r⁻¹, `[C, C]` each."""
        return tf.unstack(self.weight.inverse_matrix())

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        first, *orders = self.orders(tuple(x.shape[1:]))
        planes = permute_planes(to_planes(x), first)
        for matrix, order in zip(inputs.once(self.matrices), orders, strict=True):
            planes = permute_planes(mix_planes(matrix, planes), order)
        return from_planes(planes, x.shape[1:]), per_example(pixels(x) * inputs.once(self.weight.log_abs_det), x)

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        *orders, last = map(np.argsort, self.orders(tuple(y.shape[1:])))
        planes = permute_planes(to_planes(y), last)
        for matrix, order in zip(reversed(inputs.once(self.inverse_matrices)), reversed(orders), strict=True):
            planes = permute_planes(mix_planes(matrix, planes), order)
        return from_planes(planes, y.shape[1:]), -per_example(pixels(y) * inputs.once(self.weight.log_abs_det), y)

    def inverse_and_gradients(
        self, y: tf.Tensor, dy: tf.Tensor, dlog_det: tf.Tensor, inputs: Inputs = NONE
    ) -> tuple[tf.Tensor, Gradients]:
        """As the base class has it, in one walk: there the inverse is followed by a forward pass and its gradient."""
        values = [variable.value for variable in self.trainable_variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            matrices, log_abs_det = self.matrices(), self.weight.log_abs_det()
        *orders, last = map(np.argsort, self.orders(tuple(y.shape[1:])))
        planes, gradient = (permute_planes(to_planes(each), last) for each in (y, dy))
        dmatrices = []
        for matrix, inverse, order in zip(matrices[::-1], self.inverse_matrices()[::-1], orders[::-1], strict=True):
            planes = mix_planes(inverse, planes)
            of_output, of_input = (by_channels(each, y.shape[-1]) for each in (gradient, planes))
            dmatrices.append(tf.matmul(of_output, of_input, transpose_b=True))
            gradient = mix_planes(tf.transpose(matrix), gradient)
            planes, gradient = (permute_planes(each, order) for each in (planes, gradient))
        targets = [*matrices, log_abs_det], [*dmatrices[::-1], pixels(y) * tf.reduce_sum(dlog_det)]
        dvalues = tape.gradient(targets[0], values, targets[1])
        variables = {id(each): d for each, d in zip(self.trainable_variables, dvalues, strict=True)}
        conditions = [tf.zeros_like(condition) for condition in inputs.differentiable()]
        x, dx = (from_planes(each, y.shape[1:]) for each in (planes, gradient))
        return x, Gradients(dx, conditions, variables)

    def singular_values(self) -> dict[str, np.ndarray]:
        matrices = self.weight.matrix().numpy()
        return {f"weight_{number}": linalg.singular_values(each) for number, each in enumerate(matrices, 1)}
