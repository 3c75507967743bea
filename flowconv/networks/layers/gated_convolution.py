"""Flow++'s gated convolution."""

from typing import Any

import tensorflow as tf

from flowconv.core.condition import Condition
from flowconv.core.inputs import Inputs
from flowconv.core.layer import Layer
from flowconv.networks.layers.building import built
from flowconv.networks.layers.conv2d import Conv2D, Convolve
from flowconv.networks.layers.dropout import dropout
from flowconv.networks.layers.gates import concat_elu, gate


class GatedConvolution(Layer):
    """x + gate(c(dropout(celu(3×3(celu(x)) + e)))), celu(x) being elu([x, −x]) (Ho et al. 2019).

    e is the embedding of a condition, if there is one.

    Args:
      gate_size: k of the convolution c.
      dropout: the rate.
      weight_norm: of all convolutions.
      condition: what e is made of.
    """

    def __init__(
        self,
        gate_size: int = 1,
        dropout: float = 0.0,
        weight_norm: bool = False,
        condition: Condition | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.gate_size = gate_size
        self.dropout = dropout
        self.weight_norm = weight_norm
        self.condition = condition
        self.embedding: Layer | None = None

    def build(self, input_shape: tuple[Any, ...]) -> None:
        width = input_shape[-1]
        twice = (*input_shape[:-1], 2 * width)
        kwargs = {"weight_norm": self.weight_norm, "dtype": self.dtype_policy}
        self.first = built(Conv2D(width, 3, name="first", **kwargs), twice)
        self.last = built(Conv2D(2 * width, self.gate_size, 0.1, name="last", **kwargs), twice)
        if self.condition is not None:
            embedding = self.condition.embedding(width, dtype=self.dtype_policy, name="embedding")
            self.embedding = built(embedding, input_shape)

    def call(self, x: tf.Tensor, inputs: Inputs, convolve: Convolve) -> tf.Tensor:
        """Returns the output, of the shape of x; `convolve(layer, x)` applies, or initializes, a convolution.

        Raises:
          ValueError: if the layer has a condition, and the inputs have none.
        """
        y = convolve(self.first, concat_elu(x))
        if self.embedding is not None:
            if inputs.condition is None:
                raise ValueError(f"{self.name}: expected a condition in its inputs, got none")
            y += tf.cast(self.embedding.call(inputs.condition, inputs), y.dtype)
        return x + gate(convolve(self.last, dropout(concat_elu(y), self.dropout, inputs)))
