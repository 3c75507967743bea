"""RealNVP's network."""

from typing import Any

import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.network import Average, Network
from flowconv.networks.layers.actnorm import HiddenActNorm
from flowconv.networks.layers.building import built
from flowconv.networks.layers.residual_block import Normalize, ResidualBlock
from flowconv.networks.layers.weight_norm import WeightNormConv2D
from flowconv.ops.relu import relu


class ResNetNetwork(Network):
    """Residual blocks of weight-normed convolutions, whose sum skips to the last layer (Dinh et al. 2017, section 3.5).

    The input x is normalized and becomes relu([x, −x]), so that no half of its numbers is lost, and then a 3×3
    convolution. A block adds (norm, ReLU, 3×3, norm, ReLU, 3×3) to what it sees. A 1×1 convolution of the first
    layer's output and of each block's leads past the rest; the sum of these, normalized, and a ReLU go into a last
    1×1 convolution. It is zero at first, so that a new coupling is the same map for all images.

    ActNorms stand for the paper's batch normalization, as in all of this program's flows. Where a coupling's mask is a
    checkerboard, the paper's network sees the mask as one more channel; this one doesn't.

    Args:
      width: channels of the hidden layers.
      blocks: residual blocks.

    Example:
      >>> from flowconv.bijectors import Affine, CheckerboardMask, Coupling
      >>> from flowconv.networks.resnet import ResNetNetwork
      >>> layer = Coupling(Affine(), ResNetNetwork(width=8, blocks=1), CheckerboardMask())
      >>> layer.build((None, 4, 4, 3))
      >>> layer.network.outputs
      6

    References:
      Dinh, Sohl-Dickstein, Bengio 2017, "Density estimation using Real NVP".
    """

    last_magnitude = 0.0

    def __init__(self, width: int = 512, blocks: int = 2, **kwargs: Any):
        super().__init__(**kwargs)
        arguments.whole(1, width=width)
        arguments.whole(0, blocks=blocks)
        self.width = width
        self.blocks = blocks

    def build(self, input_shape: tuple[Any, ...]) -> None:
        channels, wide = input_shape[-1], (*input_shape[:-1], self.width)
        kwargs = {"dtype": self.dtype_policy}
        self.norm = built(HiddenActNorm(name="norm", **kwargs), input_shape)
        self.first = built(WeightNormConv2D(self.width, 3, name="first", **kwargs), (*input_shape[:-1], 2 * channels))
        self.build_embedding(wide)
        self.skips = [
            built(WeightNormConv2D(self.width, 1, name=f"skip_{number}", **kwargs), wide)
            for number in range(self.blocks + 1)
        ]
        self.residual_blocks = [
            built(ResidualBlock(self.width, name=f"block_{number}", **kwargs), wide)
            for number in range(1, self.blocks + 1)
        ]
        self.last_norm = built(HiddenActNorm(name="last_norm", **kwargs), wide)
        self.last = built(WeightNormConv2D(self.outputs, 1, self.last_magnitude, name="last", **kwargs), wide)

    def call(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        return self._outputs(x, inputs, HiddenActNorm.call)

    def initialize(self, x: tf.Tensor, inputs: Inputs, average: Average) -> tf.Tensor:
        return self._outputs(x, inputs, lambda norm, x: norm.initialize(x, average))

    def _outputs(self, x: tf.Tensor, inputs: Inputs, normalize: Normalize) -> tf.Tensor:
        x = normalize(self.norm, tf.cast(x, self.computing_dtype(inputs)))
        x = self.add_embedding(self.first.call(relu(tf.concat([x, -x], -1)), inputs), inputs)
        total = self.skips[0].call(x, inputs)
        for block, skip in zip(self.residual_blocks, self.skips[1:], strict=True):
            x = block.call(x, inputs, normalize)
            total += skip.call(x, inputs)
        return self.last.call(relu(normalize(self.last_norm, total)), inputs)
