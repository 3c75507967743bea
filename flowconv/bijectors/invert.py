"""A bijector the other way round."""

from typing import Any

import numpy as np
import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.network import Average


class Invert(Bijector):
    """y = f⁻¹(x): a bijector whose forward is another one's inverse.

    Inverse: f. Log-determinant: that of f⁻¹. Cost: that of f, the other way round.

    Initialization is that of f by f⁻¹(x). A coupling's network, which sees what x and y share, is normalized by it. An
    actnorm isn't: the other way round it doesn't normalize what it is given.

    Args:
      layer: f, which keeps the shape of images.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import InvertibleShift, Invert
      >>> layer = Invert(InvertibleShift())
      >>> layer.build((None, 1, 1, 2))
      >>> beta = layer.layer.beta.assign([1.0, 2.0])
      >>> layer.forward(tf.zeros([1, 1, 1, 2])).numpy().ravel()
      array([-1., -2.], dtype=float32)
    """

    def __init__(self, layer: Bijector, **kwargs: Any):
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: tuple[Any, ...]) -> None:
        shape = tuple(input_shape[-3:])
        if self.layer.forward_shape(shape) != shape:
            raise ValueError(f"only a layer that keeps shapes can be inverted, got {type(self.layer).__name__}")
        self.layer.build(input_shape)

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return self.layer.inverse_and_log_det(x, inputs)

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return self.layer.forward_and_log_det(y, inputs)

    def initialize(self, x: tf.Tensor, inputs: Inputs = NONE, average: Average = tf.identity) -> tf.Tensor:
        if self.layer.variables:  # of y, which f maps, not x: a coupling's network sees the same half of both
            self.layer.initialize(self.forward(x, inputs), inputs, average)
        return self.forward(x, inputs)

    def children(self) -> list[tuple[str, Bijector]]:
        return [(self.layer.name, self.layer)]

    def singular_values(self) -> dict[str, np.ndarray]:
        return {f"{self.layer.name}/{name}": 1.0 / values for name, values in self.layer.singular_values().items()}
