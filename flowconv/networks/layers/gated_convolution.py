"""Flow++'s gated convolution."""

from typing import Any

import tensorflow as tf

from flowconv.core.inputs import Inputs
from flowconv.core.layer import Layer
from flowconv.networks.layers.building import built
from flowconv.networks.layers.conv2d import Conv2D, Convolve
from flowconv.networks.layers.dropout import dropout
from flowconv.networks.layers.gates import concat_elu, gate


class GatedConvolution(Layer):
    """x + gate(c(dropout(celu(3×3(celu(x)))))), celu(x) being elu([x, −x]) (Ho et al. 2019).

    Args:
      gate_size: k of the convolution c.
      dropout: the rate.
      weight_norm: of all convolutions.
    """

    def __init__(self, gate_size: int = 1, dropout: float = 0.0, weight_norm: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.gate_size = gate_size
        self.dropout = dropout
        self.weight_norm = weight_norm

    def build(self, input_shape: tuple[Any, ...]) -> None:
        twice = (*input_shape[:-1], 2 * input_shape[-1])
        kwargs = {"weight_norm": self.weight_norm, "dtype": self.dtype_policy}
        self.first = built(Conv2D(input_shape[-1], 3, name="first", **kwargs), twice)
        self.last = built(Conv2D(2 * input_shape[-1], self.gate_size, 0.1, name="last", **kwargs), twice)

    def call(self, x: tf.Tensor, inputs: Inputs, convolve: Convolve) -> tf.Tensor:
        """Returns the output, of the shape of x; `convolve(layer, x)` applies, or initializes, a convolution."""
        y = convolve(self.first, concat_elu(x))
        return x + gate(convolve(self.last, dropout(concat_elu(y), self.dropout, inputs)))
