"""Composition of bijectors."""

import itertools
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector, Gradients
from flowconv.bijectors.per_pixel_affine import FusedAffine
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.network import Average
from flowconv.ops.shapes import per_example


class Chain(Bijector):
    """y = f_n(… f_2(f_1(x))): the layers in the order in which they are applied to data.

    (TFP's `tfb.Chain` lists them the other way round.) Inverse: the inverses in reverse order. Log-determinant: the
    sum. Of no layers it is the identity. Each layer draws from a seed of its own.

    Adjacent per-pixel affine layers, also across nested chains, are fused into one matrix product. A subclass that
    overrides `forward` or `inverse` opts out by `flat = Bijector.flat`.

    Args:
      layers: bijectors, the first one applied first.

    Example:
      >>> from flowconv.bijectors import Chain, Reverse, Squeeze
      >>> Chain([Squeeze(), Reverse()]).forward_shape((8, 8, 3))
      (4, 4, 12)
    """

    def __init__(self, layers: Sequence[Bijector], **kwargs: Any):
        super().__init__(**kwargs)
        self.layers = list(layers)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        shape = tuple(input_shape)
        for layer in self.layers:
            if isinstance(shape[0], tuple):
                raise ValueError(f"{self.name}: {layer.name} can't follow a layer that gives a tuple")
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        for layer in self.layers:
            shape = layer.forward_shape(shape)
        return shape

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        shape = tuple(input_shape)
        for layer in self.layers:
            shape = layer.compute_output_shape(shape)
        return shape

    def outside_domain(self, x: tf.Tensor) -> tf.Tensor:
        return self.layers[0].outside_domain(x) if self.layers else False

    def children(self) -> list[tuple[str, Bijector]]:
        return [(layer.name, layer) for layer in self.layers]

    def stages(self) -> list[Bijector]:
        return [stage for layer in self.layers for stage in layer.stages()]

    def flat(self) -> list[Bijector]:
        return [flat for layer in self.layers for flat in layer.flat()]

    def numbered(self) -> list[tuple[int, Bijector | FusedAffine]]:
        """Returns what is computed one after the other, each with the number of its first layer."""
        fused: list[tuple[int, Bijector | FusedAffine]] = []
        numbered = enumerate(Chain.flat(self))
        for affine, group in itertools.groupby(numbered, key=lambda pair: pair[1].is_per_pixel_affine):
            group = list(group)
            together = affine and len(group) > 1
            fused += [(group[0][0], FusedAffine(tuple(layer for _, layer in group)))] if together else group
        return fused

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        parts, total = self.numbered(), 0.0
        for number, layer in parts:
            x, log_det = layer.forward_and_log_det(x, inputs.fold_in(number))
            total += log_det
        return x, total if parts else per_example(0.0, x)

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        parts, total = self.numbered(), 0.0
        for number, layer in reversed(parts):
            y, log_det = layer.inverse_and_log_det(y, inputs.fold_in(number))
            total += log_det
        return y, total if parts else per_example(0.0, y)

    def initialize(self, x: tf.Tensor, inputs: Inputs = NONE, average: Average = tf.identity) -> tf.Tensor:
        for number, layer in enumerate(Chain.flat(self)):  # each sees its own input
            x = layer.initialize(x, inputs.fold_in(number), average)
        return x

    def inverse_and_gradients(
        self, y: tf.Tensor, dy: tf.Tensor, dlog_det: tf.Tensor, inputs: Inputs = NONE
    ) -> tuple[tf.Tensor, Gradients]:
        variables: dict[int, tf.Tensor] = {}
        parts = self.numbered()
        conditions = [] if parts else [[tf.zeros_like(each) for each in inputs.differentiable()]]
        for number, layer in reversed(parts):
            y, (dy, condition, own) = layer.inverse_and_gradients(y, dy, dlog_det, inputs.fold_in(number))
            variables |= own
            conditions.append(condition)
        return y, Gradients(dy, [sum(each) for each in zip(*conditions, strict=True)], variables)
