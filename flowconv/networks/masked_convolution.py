"""Masked convolutions."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.autoregressive_network import AutoregressiveNetwork
from flowconv.core.inputs import NONE, Inputs
from flowconv.networks.layers.building import built
from flowconv.networks.layers.dense import Dense
from flowconv.networks.layers.masked import MaskedConv2D
from flowconv.ops.relu import relu

# Whether a pixel sees the one that is so many rows and columns away, itself (0, 0) included.
ORDERS: dict[str, Callable[[int, int], bool]] = {
    "raster": lambda row, column: row < 0 or (row == 0 and column <= 0),
    "quadrant": lambda row, column: row <= 0 and column <= 0,
    "rows": lambda row, column: row <= 0,
}


class MaskedConvolutionNetwork(AutoregressiveNetwork):
    """Convolutions under masks, by which a pixel's parameters depend on those before it (van den Oord et al. 2016).

    A k×k convolution that leaves out the pixel itself (in the order "rows", its whole row), residual blocks (ReLU, k×k
    with the pixel itself, ReLU, 1×1), a ReLU, and a 1×1 convolution, zero at first.

    The order says what a pixel sees: "raster" the rows above and its own to the left, as emerging convolutions
    "quadrant" what is neither below nor to the right, "rows" the rows above (MaCow). From its output an image is exact
    after (k//2 + 1)·(H − 1) + W, H + W − 1, or H evaluations.

    Args:
      width: channels of the hidden layers.
      blocks: residual blocks.
      kernel_size: k, odd, at least 3.
      order: which pixels are before a pixel.

    Raises:
      ValueError: for an order that there isn't, or a kernel without neighbours.

    Example:
      >>> from flowconv.bijectors import Autoregressive, Gaussian
      >>> from flowconv.networks.masked_convolution import MaskedConvolutionNetwork
      >>> layer = Autoregressive(Gaussian(), MaskedConvolutionNetwork(width=8, order="quadrant"))
      >>> layer.build((None, 32, 32, 3))
      >>> layer.network.steps
      63

    References:
      van den Oord, Kalchbrenner, Kavukcuoglu 2016, "Pixel Recurrent Neural Networks".
      Hoogeboom, van den Berg, Welling 2019, "Emerging Convolutions for Generative Normalizing Flows".
      Ma, Kong, Zhang, Hovy 2019, "MaCow: Masked Convolutional Generative Flow".
    """

    def __init__(
        self,
        width: int = 512,
        blocks: int = 1,
        kernel_size: int = 3,
        order: Literal["raster", "quadrant", "rows"] = "raster",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        arguments.whole(1, width=width)
        arguments.whole(0, blocks=blocks)
        arguments.kernel_size(kernel_size)
        arguments.number(kernel_size, lambda k: k >= 3, "kernel_size", "at least 3, so that a pixel has neighbours")
        self.is_seen = arguments.choice(ORDERS, order, "order")
        self.width = width
        self.blocks = blocks
        self.kernel_size = kernel_size
        self.order = order

    def build(self, input_shape: tuple[Any, ...]) -> None:
        *_, height, width, _ = input_shape
        reach = min(self.kernel_size // 2, width - 1)
        self.steps = {"raster": (reach + 1) * (height - 1) + width, "quadrant": height + width - 1, "rows": height}[
            self.order
        ]
        wide = (*input_shape[:-1], self.width)
        kwargs = {"dtype": self.dtype_policy}
        self.first = built(MaskedConv2D(self.width, self.mask(strict=True), name="first", **kwargs), input_shape)
        self.build_embedding(wide)
        self.convolutions, self.products = [], []
        for number in range(1, self.blocks + 1):
            convolution = MaskedConv2D(self.width, self.mask(), name=f"convolution_{number}", **kwargs)
            self.convolutions.append(built(convolution, wide))
            self.products.append(built(Dense(self.width, name=f"product_{number}", **kwargs), wide))
        self.last = built(Dense(self.outputs, parts=0, name="last", **kwargs), wide)

    def mask(self, strict: bool = False) -> np.ndarray:
        """Returns the mask of a kernel, `[k, k]`; strict: without what has the pixel's own place in the order."""
        reach = self.kernel_size // 2
        around = range(-reach, reach + 1)
        own = [(0, column) for column in around] if self.order == "rows" else [(0, 0)]
        return np.array(
            [
                [float(self.is_seen(row, column) and not (strict and (row, column) in own)) for column in around]
                for row in around
            ],
            np.float32,
        )

    def call(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        x = self.add_embedding(self.first.call(tf.cast(x, self.computing_dtype(inputs)), inputs), inputs)
        for convolution, product in zip(self.convolutions, self.products, strict=True):
            x += product.call(relu(convolution.call(relu(x), inputs)), inputs)
        return self.last.call(relu(x), inputs)
