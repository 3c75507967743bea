"""A single convolution."""

from typing import Any

import tensorflow as tf

from flowconv.core.inputs import NONE, Inputs
from flowconv.core.network import Network
from flowconv.networks.layers.convolutions import ZeroConv2D


class ConvolutionNetwork(Network):
    """One 3×3 convolution, zero at first: openai/glow's network of a split's learned prior.

    Example:
      >>> from flowconv.bijectors import Gaussian, Split
      >>> from flowconv.networks.convolution import ConvolutionNetwork
      >>> layer = Split(Gaussian(), ConvolutionNetwork())
      >>> layer.build((None, 4, 4, 6))
      >>> layer.network.outputs
      6
    """

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.moments = ZeroConv2D(self.outputs, 3, dtype=self.dtype_policy, name="moments")
        self.moments.build(input_shape)
        self.build_embedding((*input_shape[:-1], self.outputs))

    def call(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        moments = self.moments.call(tf.cast(x, self.computing_dtype(inputs)), inputs)
        return self.add_embedding(moments, inputs)
