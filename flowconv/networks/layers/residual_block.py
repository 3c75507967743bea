"""A block of RealNVP's network."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from flowconv.core.inputs import NONE, Inputs
from flowconv.core.layer import Layer
from flowconv.networks.layers.actnorm import HiddenActNorm
from flowconv.networks.layers.building import built
from flowconv.networks.layers.weight_norm import WeightNormConv2D
from flowconv.ops.relu import relu

Normalize = Callable[[HiddenActNorm, tf.Tensor], tf.Tensor]  # its `call`, or its `initialize`


class ResidualBlock(Layer):
    """x + (norm, ReLU, 3×3 convolution, norm, ReLU, 3×3 convolution), both weight-normed (Dinh et al. 2017).

    Args:
      width: channels.
    """

    def __init__(self, width: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.width = width

    def build(self, input_shape: tuple[Any, ...]) -> None:
        kwargs = {"dtype": self.dtype_policy}
        self.norms = [built(HiddenActNorm(name=f"norm_{number}", **kwargs), input_shape) for number in (1, 2)]
        self.convolutions = [
            built(WeightNormConv2D(self.width, 3, magnitude, name=f"convolution_{number}", **kwargs), input_shape)
            for number, magnitude in ((1, None), (2, 1.0))
        ]

    def call(self, x: tf.Tensor, inputs: Inputs = NONE, normalize: Normalize = HiddenActNorm.call) -> tf.Tensor:
        """Returns the block's output, of the shape of x; `normalize(norm, x)` applies, or initializes, a norm."""
        y = x
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            y = convolution.call(relu(normalize(norm, y)), inputs)
        return x + y
