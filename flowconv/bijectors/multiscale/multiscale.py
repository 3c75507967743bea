"""The walk through levels and splits."""

from collections.abc import Sequence
from typing import Any, NoReturn

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.bijectors.multiscale.split import Split
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.network import Average


class MultiScale(Bijector):
    """x → (z_1, …, z_L): levels, with a split between each two (Dinh et al. 2017, section 3.6).

    Forward: a level, then half of its output leaves as latents z_l and the rest enters the next level; the last level's
    output is z_L. Inverse: from the last level to the first. Log-determinant: the sum. Each level and split draws from
    a seed of its own.

    Args:
      levels: bijectors, each from one level's input to its output.
      splits: one fewer.

    Example:
      >>> from flowconv.bijectors import MultiScale, Split, Squeeze
      >>> layer = MultiScale([Squeeze(), Squeeze()], [Split()])
      >>> layer.compute_output_shape((None, 8, 8, 3))
      ((None, 4, 4, 6), (None, 2, 2, 24))
    """

    def __init__(self, levels: Sequence[Bijector], splits: Sequence[Split] = (), **kwargs: Any):
        super().__init__(**kwargs)
        if len(splits) != len(levels) - 1:
            raise ValueError(f"{len(levels)} levels have {len(levels) - 1} splits between them, got {len(splits)}")
        self.levels = list(levels)
        self.splits = list(splits)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        shape = tuple(input_shape)
        for level, split in self._pairs():
            level.build(shape)
            shape = level.compute_output_shape(shape)
            if split is not None:
                split.build(shape)
                shape, _ = split.compute_output_shape(shape)

    def forward_shape(self, shape: tuple[int, ...]) -> NoReturn:
        raise ValueError(f"{self.name}: gives a tuple, not one image")

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        shape, shapes = tuple(input_shape), []
        for level, split in self._pairs():
            shape = level.compute_output_shape(shape)
            if split is not None:
                shape, latent = split.compute_output_shape(shape)
                shapes.append(latent)
        return (*shapes, shape)

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        latents, total = [], 0.0
        for number, (level, split) in enumerate(self._pairs()):
            x, log_det = level.forward_and_log_det(x, inputs.fold_in(2 * number))
            total += log_det
            if split is not None:
                (x, latent), log_det = split.forward_and_log_det(x, inputs.fold_in(2 * number + 1))
                total += log_det
                latents.append(latent)
        return (*latents, x), total

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        *latents, x = y
        total = 0.0
        for number, (level, split) in reversed(list(enumerate(self._pairs()))):
            if split is not None:
                x, log_det = split.inverse_and_log_det((x, latents[number]), inputs.fold_in(2 * number + 1))
                total += log_det
            x, log_det = level.inverse_and_log_det(x, inputs.fold_in(2 * number))
            total += log_det
        return x, total

    def initialize(self, x: tf.Tensor, inputs: Inputs = NONE, average: Average = tf.identity) -> tf.Tensor:
        latents = []
        for number, (level, split) in enumerate(self._pairs()):
            x = level.initialize(x, inputs.fold_in(2 * number), average)
            if split is not None:
                x, latent = split.initialize(x, inputs.fold_in(2 * number + 1), average)
                latents.append(latent)
        return (*latents, x)

    def children(self) -> list[tuple[str, Bijector]]:
        return [(part.name, part) for pair in self._pairs() for part in pair if part is not None]

    def stages(self) -> list[Bijector]:
        return [stage for _, part in self.children() for stage in part.stages()]

    def _pairs(self) -> list[tuple[Bijector, Split | None]]:
        """The levels, each with the split that follows it, or None."""
        return list(zip(self.levels, [*self.splits, None], strict=True))
