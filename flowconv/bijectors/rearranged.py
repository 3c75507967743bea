"""A layer on halves of channels, applied to the halves of other masks."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from flowconv.bijectors.bijector import Bijector, Gradients
from flowconv.bijectors.masks import Mask
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.network import Average
from flowconv.core.weights import PerStep
from flowconv.ops.permute import permute
from flowconv.ops.planes import from_planes, to_planes


class Rearranged(Bijector):
    """y = P⁻¹ f(P x): a layer f on the numbers of an image in another order P, in which a mask's halves are f's halves.

    In P x the first half of the channels is the mask's x_a, the second one its x_b: a coupling f of halves of channels
    becomes one of these. In a `Repeated` the first step has the first mask, the next one the next, and after the last
    one comes the first again. So one loop has couplings of many kinds (Kolesnikov et al. 2024). P is a weight that is
    not trained. Inverse: P⁻¹ f⁻¹(P y). Log-determinant: f's. Cost: f's, and a copy each way.

    Args:
      bijector: f, which keeps shapes.
      masks: each with halves of the shape `[B, H, W, C/2]`, as `PackedMask` makes them.

    Raises:
      ValueError: if there is no mask or, when it is built, halves have another shape or f changes shapes.

    Example:
      >>> from flowconv.bijectors import Affine, CheckerboardMask, Coupling, PackedMask, Rearranged, Repeated
      >>> from flowconv.networks.glow import GlowNetwork
      >>> masks = [PackedMask(CheckerboardMask(0)), PackedMask(CheckerboardMask(1))]
      >>> layer = Repeated(Rearranged(Coupling(Affine(), GlowNetwork(width=8)), masks), depth=6)
      >>> layer.build((None, 4, 4, 2))

    References:
      Kolesnikov, Pinto, Tschannen 2024, "Jet: A Modern Transformer-Based Normalizing Flow".
    """

    def __init__(self, bijector: Bijector, masks: Sequence[Mask], **kwargs: Any):
        super().__init__(**kwargs)
        if not masks:
            raise ValueError(f"{self.name}: takes at least one mask, got none")
        self.bijector = bijector
        self.masks = list(masks)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        height, width, channels = shape = tuple(input_shape[-3:])
        if self.bijector.forward_shape(shape) != shape:
            raise ValueError(f"{self.name}: {self.bijector.name} must keep the shape of images")
        for mask in self.masks:
            if (half := mask.half_shape(shape)) != (height, width, channels / 2):
                right = f"{height}×{width} with half of the channels"
                raise ValueError(f"{self.name}: halves must be {right}, those of {type(mask).__name__} are {half}")
        self.order = self.add_weight(
            shape=(math.prod(shape),),
            initializer=PerStep(lambda step: order_of(self.masks[step % len(self.masks)], shape)),
            dtype="int32",
            trainable=False,
            name="order",
        )
        self.bijector.build(input_shape)

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        y, log_det = self.bijector.forward_and_log_det(self._arranged(x), inputs)
        return self._restored(y), log_det

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        x, log_det = self.bijector.inverse_and_log_det(self._arranged(y), inputs)
        return self._restored(x), log_det

    def initialize(self, x: tf.Tensor, inputs: Inputs = NONE, average: Average = tf.identity) -> tf.Tensor:
        return self._restored(self.bijector.initialize(self._arranged(x), inputs, average))

    def inverse_and_gradients(
        self, y: tf.Tensor, dy: tf.Tensor, dlog_det: tf.Tensor, inputs: Inputs = NONE
    ) -> tuple[tf.Tensor, Gradients]:
        x, gradients = self.bijector.inverse_and_gradients(self._arranged(y), self._arranged(dy), dlog_det, inputs)
        return self._restored(x), gradients._replace(x=self._restored(gradients.x))

    def children(self) -> list[tuple[str, Bijector]]:
        return [(self.bijector.name, self.bijector)]

    def singular_values(self) -> dict[str, np.ndarray]:
        return self.bijector.singular_values()

    def _arranged(self, x: tf.Tensor) -> tf.Tensor:
        return _in_order(x, self.order.value)

    def _restored(self, x: tf.Tensor) -> tf.Tensor:
        return _in_order(x, tf.math.invert_permutation(self.order.value))


def order_of(mask: Mask, shape: tuple[int, int, int]) -> tf.Tensor:
    """Returns which numbers of an image (H, W, C) are side by side in P x, int32 `[H·W·C]`."""
    places = tf.reshape(tf.range(math.prod(shape)), [1, *shape])
    return tf.reshape(tf.concat(mask.split(places), axis=-1), [-1])


def _in_order(x: tf.Tensor, order: tf.Tensor) -> tf.Tensor:
    return from_planes(permute(to_planes(x), order, axis=0), x.shape[1:])
