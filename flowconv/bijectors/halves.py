"""A map of each half of an image."""

from typing import Any

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.bijectors.masks import ChannelMask, Mask
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.network import Average


class Halves(Bijector):
    """y = (f(x_a), g(x_b)) of x = (x_a, x_b), the halves of a mask: a map of each half, as of an image of its own.

    Inverse: (f⁻¹(y_a), g⁻¹(y_b)). Log-determinant and cost: the sums of both. With two 1×1 convolutions it is Flow++'s
    pointwise map (Ho et al. 2019). Each half draws from a seed of its own.

    Args:
      first: f, a bijector that keeps shapes.
      second: g, another one.
      mask: what the halves are (default: of the channels, which must be even).

    Example:
      >>> from flowconv.bijectors import Conv1x1, Halves, StripeMask
      >>> layer = Halves(Conv1x1(), Conv1x1(), StripeMask())
      >>> layer.build((None, 4, 4, 3))
      >>> layer.compute_output_shape((None, 4, 4, 3))
      (None, 4, 4, 3)

    References:
      Ho, Chen, Srinivas, Duan, Abbeel 2019, "Flow++: Improving Flow-Based Generative Models with Variational
      Dequantization and Architecture Design".
    """

    def __init__(self, first: Bijector, second: Bijector, mask: Mask | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.first = first
        self.second = second
        self.mask = mask or ChannelMask()

    def build(self, input_shape: tuple[Any, ...]) -> None:
        half = (*input_shape[:-3], *self.mask.half_shape(tuple(input_shape[-3:])))
        for part in (self.first, self.second):
            if part.forward_shape(half[-3:]) != half[-3:]:
                raise ValueError(f"{self.name}: {part.name} must keep the shape of a half, {half[-3:]}")
            part.build(half)

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        x_a, x_b = self.mask.split(x)
        y_a, of_a = self.first.forward_and_log_det(x_a, inputs.fold_in(0))
        y_b, of_b = self.second.forward_and_log_det(x_b, inputs.fold_in(1))
        return self.mask.merge(y_a, y_b), of_a + of_b

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        y_a, y_b = self.mask.split(y)
        x_a, of_a = self.first.inverse_and_log_det(y_a, inputs.fold_in(0))
        x_b, of_b = self.second.inverse_and_log_det(y_b, inputs.fold_in(1))
        return self.mask.merge(x_a, x_b), of_a + of_b

    def initialize(self, x: tf.Tensor, inputs: Inputs = NONE, average: Average = tf.identity) -> tf.Tensor:
        x_a, x_b = self.mask.split(x)
        y_a = self.first.initialize(x_a, inputs.fold_in(0), average)
        return self.mask.merge(y_a, self.second.initialize(x_b, inputs.fold_in(1), average))

    def children(self) -> list[tuple[str, Bijector]]:
        return [(part.name, part) for part in (self.first, self.second)]
