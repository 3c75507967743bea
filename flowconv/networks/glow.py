"""Glow's network."""

from typing import Any

import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.network import Average, Network
from flowconv.networks.layers.convolutions import ActNormConv2D, ZeroConv2D
from flowconv.ops.edge_bias_conv import Folded, fold_two_layers, two_layers
from flowconv.ops.relu import relu


class GlowNetwork(Network):
    """3×3 convolution, 1×1 convolution, 3×3 convolution (Kingma & Dhariwal 2018, section B).

    The first two have `width` filters, an ActNorm and a ReLU. The last one is zero at first, so that a new coupling is
    the same map for all images. Under the dtype policy "mixed_bfloat16" the network computes in bfloat16.

    Args:
      width: channels of the hidden layers.

    Example:
      >>> from flowconv.bijectors import Affine, Coupling
      >>> from flowconv.networks.glow import GlowNetwork
      >>> layer = Coupling(Affine(), GlowNetwork(width=8))
      >>> layer.build((None, 4, 4, 6))
      >>> layer.network.last.filters
      6
    """

    def __init__(self, width: int = 512, **kwargs: Any):
        super().__init__(**kwargs)
        arguments.whole(1, width=width)
        self.width = width

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.first = ActNormConv2D(self.width, 3, dtype=self.dtype_policy, name="first")
        self.hidden = ActNormConv2D(self.width, 1, dtype=self.dtype_policy, name="hidden")
        self.last = ZeroConv2D(self.outputs, 3, dtype=self.dtype_policy, name="last")
        for layer in (self.first, self.hidden, self.last):
            layer.build(input_shape)
            input_shape = (*input_shape[:-1], layer.filters)
        self.build_embedding((*input_shape[:-1], self.width))

    def call(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        x = tf.cast(x, self.computing_dtype(inputs))
        if self.embedding is None:
            hidden = two_layers(x, *inputs.once(self._hidden_weights, tuple(x.shape[1:3]), x.dtype.name))
        else:
            hidden = relu(self.add_embedding(self.first.call(x, inputs), inputs))
            hidden = relu(self.hidden.call(hidden, inputs))
        return self.last.call(hidden, inputs)

    def _hidden_weights(self, image_size: tuple[int, int], dtype: str) -> tuple[Folded, Folded]:
        kernel, bias = self.first.kernel_and_bias()
        return fold_two_layers(kernel, bias, *self.hidden.kernel_and_bias(), image_size, dtype)

    def initialize(self, x: tf.Tensor, inputs: Inputs, average: Average) -> tf.Tensor:
        hidden = self.first.initialize(tf.cast(x, self.computing_dtype(inputs)), average)
        hidden = relu(self.add_embedding(hidden, inputs))
        hidden = relu(self.hidden.initialize(hidden, average))
        return self.last.call(hidden, inputs)
