"""A product with a matrix."""

import math
from typing import Any

import tensorflow as tf

from flowconv.core.inputs import NONE, Inputs
from flowconv.core.layer import Layer
from flowconv.core.weights import Normal, Uniform
from flowconv.ops.conv2d import conv1x1


class Dense(Layer):
    """x_ij W + b at every pixel of images `[B, H, W, C]`, as a transformer has it.

    W is drawn uniformly as Glorot & Bengio 2010 have it.

    Args:
      units: channels of the output.
      parts: of the output, each drawn as if it were a layer of its own; 0: W is zero at first.
      bias_deviation: of b at first.
    """

    def __init__(self, units: int, parts: int = 1, bias_deviation: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.units = units
        self.parts = parts
        self.bias_deviation = bias_deviation

    def build(self, input_shape: tuple[Any, ...]) -> None:
        channels, initializer = input_shape[-1], "zeros"
        if self.parts:
            initializer = Uniform(math.sqrt(6.0 / (channels + self.units // self.parts)))
        self.matrix = self.add_weight(shape=(channels, self.units), initializer=initializer, name="matrix")
        bias = Normal(self.bias_deviation) if self.bias_deviation else "zeros"
        self.bias = self.add_weight(shape=(self.units,), initializer=bias, name="bias")

    def weights_in(self, dtype: str) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns matrix and bias in this dtype."""
        return tf.cast(self.matrix.value, dtype), tf.cast(self.bias.value, dtype)

    def call(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        """Returns the product, `[B, H, W, units]`."""
        matrix, bias = inputs.once(self.weights_in, x.dtype.name)
        return conv1x1(x, matrix, bias)
