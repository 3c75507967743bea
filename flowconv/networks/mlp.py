"""NICE's network."""

import math
from typing import Any

import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.network import Network
from flowconv.networks.layers.building import built
from flowconv.networks.layers.dense import Dense
from flowconv.ops.relu import relu
from flowconv.ops.shapes import batch_size


class MLPNetwork(Network):
    """Dense layers of all of an image's numbers, with ReLU between (Dinh et al. 2015).

    It is zero at first. A network is built for one size of image; its matrices grow with the number of pixels.

    Args:
      width: of the hidden layers.
      hidden_layers: how many there are.

    Example:
      >>> from flowconv.bijectors import Additive, AlternatingMask, Coupling
      >>> from flowconv.networks.mlp import MLPNetwork
      >>> layer = Coupling(Additive(), MLPNetwork(width=8, hidden_layers=2), AlternatingMask())
      >>> layer.build((None, 4, 4, 1))
      >>> layer.network.output_shape_of_image
      (4, 2, 1)

    References:
      Dinh, Krueger, Bengio 2015, "NICE: Non-linear Independent Components Estimation".
    """

    def __init__(self, width: int = 512, hidden_layers: int = 5, **kwargs: Any):
        super().__init__(**kwargs)
        arguments.whole(1, width=width, hidden_layers=hidden_layers)
        self.width = width
        self.hidden_layers = hidden_layers

    def build(self, input_shape: tuple[Any, ...]) -> None:
        height, width, channels = input_shape[-3:]
        self.output_shape_of_image = (height, width, self.outputs)
        kwargs, wide = {"dtype": self.dtype_policy}, (None, 1, 1, self.width)
        self.first = built(Dense(self.width, name="first", **kwargs), (None, 1, 1, height * width * channels))
        self.build_embedding(wide)
        self.hidden = [
            built(Dense(self.width, name=f"hidden_{number}", **kwargs), wide)
            for number in range(2, self.hidden_layers + 1)
        ]
        self.last = built(Dense(math.prod(self.output_shape_of_image), parts=0, name="last", **kwargs), wide)

    def call(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        flat = tf.reshape(tf.cast(x, self.computing_dtype(inputs)), [batch_size(x), 1, 1, math.prod(x.shape[1:])])
        x = relu(self.add_embedding(self.first.call(flat, inputs), inputs))
        for layer in self.hidden:
            x = relu(layer.call(x, inputs))
        return tf.reshape(self.last.call(x, inputs), [batch_size(x), *self.output_shape_of_image])
