"""MADE's network."""

from typing import Any, Literal

import numpy as np
import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.autoregressive_network import AutoregressiveNetwork
from flowconv.core.inputs import NONE, Inputs
from flowconv.networks.layers.building import built
from flowconv.networks.layers.masked import MaskedDense
from flowconv.ops.relu import relu


class MadeNetwork(AutoregressiveNetwork):
    """Dense layers under masks, by which a pixel's parameters depend on those before it (Germain et al. 2015).

    Pixels have the numbers 0 to n − 1. A hidden unit has a number, too, of 0 to n − 2 evenly. It sees pixels and hidden
    units of its number and below; a pixel's parameters see the hidden units below its number. In the order "rows" all
    pixels of a row have its number.

    It has as many weights as numbers and units, width·H·W·C·(1 + parameters), and is for small images. A network is
    built for one size of image.

    Args:
      width: units of a hidden layer.
      blocks: hidden layers.
      order: pixel by pixel, row by row, or whole rows after one another.

    Raises:
      ValueError: for an order that there isn't.

    Example:
      >>> from flowconv.bijectors import Autoregressive, Gaussian
      >>> from flowconv.networks.made import MadeNetwork
      >>> layer = Autoregressive(Gaussian(), MadeNetwork(width=64, order="rows"))
      >>> layer.build((None, 8, 8, 3))
      >>> layer.network.steps
      8

    References:
      Germain, Gregor, Murray, Larochelle 2015, "MADE: Masked Autoencoder for Distribution Estimation".
    """

    def __init__(self, width: int = 512, blocks: int = 2, order: Literal["raster", "rows"] = "raster", **kwargs: Any):
        super().__init__(**kwargs)
        arguments.whole(1, width=width, blocks=blocks)
        arguments.choice(dict.fromkeys(("raster", "rows")), order, "order")
        self.width = width
        self.blocks = blocks
        self.order = order

    def build(self, input_shape: tuple[Any, ...]) -> None:
        *batch, height, width, channels = input_shape
        places = np.arange(height * width) if self.order == "raster" else np.repeat(np.arange(height), width)
        hidden = np.arange(self.width) * max(int(places[-1]), 1) // self.width
        self.steps = 1 + len({number for number in hidden if number < places[-1]})
        seen, given = np.repeat(places, channels), np.repeat(places, self.outputs)
        kwargs = {"dtype": self.dtype_policy}
        numbers = [seen, *[hidden] * self.blocks]
        shapes = [(*batch, 1, 1, len(each)) for each in numbers]
        self.hidden = [
            built(MaskedDense(_not_after(before, hidden), name=f"hidden_{number}", **kwargs), shape)
            for number, (before, shape) in enumerate(zip(numbers[:-1], shapes, strict=False), 1)
        ]
        self.build_embedding(shapes[-1])
        last = MaskedDense(_not_after(hidden + 1, given), parts=0, name="last", **kwargs)
        self.last = built(last, shapes[-1])

    def call(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        _, height, width, channels = x.shape
        y = tf.reshape(tf.cast(x, self.computing_dtype(inputs)), [-1, 1, 1, height * width * channels])
        y = self.add_embedding(self.hidden[0].call(y, inputs), inputs)
        for layer in self.hidden[1:]:
            y = layer.call(relu(y), inputs)
        return tf.reshape(self.last.call(relu(y), inputs), [-1, height, width, self.outputs])


def _not_after(inputs: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """The mask of a layer whose outputs see the inputs that have their number, or one below: `[inputs, outputs]`."""
    return (inputs[:, None] <= outputs[None, :]).astype(np.float32)
