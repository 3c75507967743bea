"""The published network of RealNVP."""

import math
from typing import Any

import keras
import tensorflow as tf

from flowconv.core.inputs import NONE, Inputs
from flowconv.core.network import Average
from flowconv.networks.resnet import ResNetNetwork


class RealNVPNetwork(ResNetNetwork):
    """A residual network whose outputs are shifts t and log-scales c·tanh(h), c one learned number.

    c is 0 at first, and the last convolution isn't: a new coupling moves numbers by t, and scales none. c and the
    magnitudes of weight-normed convolutions are kept small by a penalty, l2 times the sum of their squares.

    Args:
      width: channels of the hidden layers.
      blocks: residual blocks.
      l2: of the penalty, in nats an image.

    References:
      Dinh, Sohl-Dickstein, Bengio 2017, "Density estimation using Real NVP".
    """

    last_magnitude = math.sqrt(1.0 / 6.0)

    def __init__(self, width: int = 32, blocks: int = 2, l2: float = 5e-5, **kwargs: Any):
        super().__init__(width, blocks, **kwargs)
        self.l2 = l2

    def build(self, input_shape: tuple[Any, ...]) -> None:
        super().build(input_shape)
        self.scale = self.add_weight(shape=(), initializer="zeros", name="scale")
        for variable in self.trainable_variables:
            if variable is self.scale or variable.name == "gain":
                variable.regularizer = keras.regularizers.L2(self.l2)

    def call(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        return self._of_scale(super().call(x, inputs))

    def initialize(self, x: tf.Tensor, inputs: Inputs, average: Average) -> tf.Tensor:
        return self._of_scale(super().initialize(x, inputs, average))

    def _of_scale(self, outputs: tf.Tensor) -> tf.Tensor:
        shift, h = tf.split(outputs, 2, axis=-1)
        return tf.concat([shift, tf.cast(self.scale.value, h.dtype) * tf.tanh(h)], axis=-1)
