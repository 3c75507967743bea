"""Flow++'s gated self-attention."""

from typing import Any

import tensorflow as tf

from flowconv.core.inputs import Inputs
from flowconv.core.layer import Layer
from flowconv.networks.layers.attention import check_heads, self_attention
from flowconv.networks.layers.building import built
from flowconv.networks.layers.conv2d import Conv2D, Convolve
from flowconv.networks.layers.dropout import dropout
from flowconv.networks.layers.gates import gate


class GatedAttention(Layer):
    """x + gate(1×1(dropout(attention(1×1(x + positions))))) over all pixels of an image (Ho et al. 2019).

    Args:
      heads: of the attention, which divide the channels.
      dropout: the rate.
      weight_norm: of both convolutions.
    """

    def __init__(self, heads: int, dropout: float = 0.0, weight_norm: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.heads = heads
        self.dropout = dropout
        self.weight_norm = weight_norm

    def build(self, input_shape: tuple[Any, ...]) -> None:
        width = input_shape[-1]
        check_heads(self.heads, width)
        kwargs = {"weight_norm": self.weight_norm, "dtype": self.dtype_policy}
        self.first = built(Conv2D(3 * width, 1, name="first", **kwargs), input_shape)
        self.last = built(Conv2D(2 * width, 1, 0.1, name="last", **kwargs), input_shape)

    def call(self, x: tf.Tensor, positions: tf.Tensor, inputs: Inputs, convolve: Convolve) -> tf.Tensor:
        """Returns the output, of the shape of x; `convolve(layer, x)` applies, or initializes, a convolution."""
        attended = self_attention(convolve(self.first, x + positions), self.heads)
        return x + gate(convolve(self.last, dropout(attended, self.dropout, inputs)))
