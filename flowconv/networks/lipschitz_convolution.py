"""The convolutions of residual flows."""

from typing import Any

import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.lipschitz_network import LipschitzNetwork
from flowconv.networks.layers.building import built
from flowconv.networks.layers.lipschitz import LipschitzConv2D, LipSwish


class LipschitzConvolutionNetwork(LipschitzNetwork):
    """LipSwish, k×k, LipSwish, 1×1, LipSwish, k×k convolutions: a contraction (Chen et al. 2019).

    Each of the three convolutions has the Lipschitz constant contraction^(1/3), by a bound of its largest singular
    value on images of the size that it is built for; those of activations are at most 1.

    Args:
      width: channels of the hidden layers.
      kernel_size: k, odd.
      preactivation: whether an activation stands before the first convolution.
      contraction: the Lipschitz constant of the network, below 1.

    Raises:
      ValueError: for a contraction that is none.

    Example:
      >>> from flowconv.bijectors import Residual
      >>> from flowconv.networks.lipschitz_convolution import LipschitzConvolutionNetwork
      >>> layer = Residual(LipschitzConvolutionNetwork(width=8))
      >>> layer.build((None, 8, 8, 3))

    References:
      Chen, Behrmann, Duvenaud, Jacobsen 2019, "Residual Flows for Invertible Generative Modeling".
      Delattre, Barthélemy, Araujo, Allauzen 2023, "Efficient Bound of Lipschitz Constant for Convolutional Layers by
      Gram Iteration".
    """

    def __init__(
        self,
        width: int = 512,
        kernel_size: int = 3,
        preactivation: bool = True,
        contraction: float = 0.9,
        **kwargs: Any,
    ):
        super().__init__(contraction, **kwargs)
        arguments.whole(1, width=width)
        self.width = width
        self.kernel_size = arguments.kernel_size(kernel_size)
        self.preactivation = preactivation

    def build(self, input_shape: tuple[Any, ...]) -> None:
        kwargs = {"dtype": self.dtype_policy}
        shape, sizes = tuple(input_shape), (self.kernel_size, 1, self.kernel_size)
        self.convolutions, self.activations = [], []
        for number, (filters, size) in enumerate(zip((self.width, self.width, self.outputs), sizes, strict=True), 1):
            if number > 1 or self.preactivation:
                self.activations.append(built(LipSwish(name=f"activation_{number}", **kwargs), shape))
            layer = LipschitzConv2D(filters, size, self.contraction ** (1 / 3), name=f"convolution_{number}", **kwargs)
            self.convolutions.append(built(layer, shape))
            shape = (*shape[:-1], filters)
        self.build_embedding((*shape[:-1], self.width))

    def call(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        first, *others = self.convolutions
        activations = iter(self.activations)
        x = tf.cast(x, self.computing_dtype(inputs))
        x = next(activations).call(x, inputs) if self.preactivation else x
        x = self.add_embedding(first.call(x, inputs), inputs)
        for convolution in others:
            x = convolution.call(next(activations).call(x, inputs), inputs)
        return x
