"""Flow++'s network."""

from typing import Any

import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.network import Average, Network
from flowconv.core.weights import Normal
from flowconv.networks.layers.attention import check_heads
from flowconv.networks.layers.building import built
from flowconv.networks.layers.conv2d import Conv2D, Convolve
from flowconv.networks.layers.gated_attention import GatedAttention
from flowconv.networks.layers.gated_convolution import GatedConvolution
from flowconv.networks.layers.gates import concat_elu
from flowconv.networks.layers.layer_norm import LayerNorm


class AttentionNetwork(Network):
    """Blocks of gated convolutions and gated self-attention, each followed by a layer norm (Ho et al. 2019).

    A 3×3 convolution, the blocks, and a 3×3 convolution. Attention sees a table of positions, which is learned and
    which all blocks share: a network is built for one size of image. Its cost and memory grow with the square of the
    number of pixels.

    The convolutions are initialized by data: each one's output has deviation 1, or 0.1 at the end of a block and of
    the network. So a new coupling isn't the same map for all images. A condition's embedding is added within every
    gated convolution, as the paper does with the image that a dequantization sees.

    Args:
      width: channels of the hidden layers.
      blocks: pairs of a gated convolution and a gated attention.
      heads: of the attention, which divide the width; 0 leaves attention out.
      dropout: the rate, in training.
      weight_norm: of all convolutions, as in the paper's network for ImageNet 32.
      last_activation: before the last convolution, as in the paper's networks for ImageNet and CelebA-HQ.

    Raises:
      ValueError: if heads don't divide the width, or the dropout isn't a rate.

    Example:
      >>> from flowconv.bijectors import Affine, Coupling
      >>> from flowconv.networks.attention import AttentionNetwork
      >>> layer = Coupling(Affine(), AttentionNetwork(width=8, blocks=1, heads=2))
      >>> layer.build((None, 4, 4, 6))
      >>> tuple(layer.network.positions.shape)
      (4, 4, 8)

    References:
      Ho, Chen, Srinivas, Duan, Abbeel 2019, "Flow++: Improving Flow-Based Generative Models with Variational
      Dequantization and Architecture Design".
    """

    def __init__(
        self,
        width: int = 512,
        blocks: int = 10,
        heads: int = 4,
        dropout: float = 0.0,
        weight_norm: bool = False,
        last_activation: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        arguments.whole(1, width=width, blocks=blocks)
        arguments.whole(0, heads=heads)
        arguments.number(dropout, lambda rate: 0.0 <= rate < 1.0, "dropout", "within [0, 1)")
        if heads:
            check_heads(heads, width)
        self.width = width
        self.blocks = blocks
        self.heads = heads
        self.dropout = dropout
        self.weight_norm = weight_norm
        self.last_activation = last_activation

    def build(self, input_shape: tuple[Any, ...]) -> None:
        wide = (*input_shape[:-1], self.width)
        kwargs = {"dtype": self.dtype_policy}
        of_all = {"dropout": self.dropout, "weight_norm": self.weight_norm, **kwargs}

        def norm(name: str) -> LayerNorm:
            return built(LayerNorm(name=name, **kwargs), wide)

        self.first = built(Conv2D(self.width, 3, weight_norm=self.weight_norm, name="first", **kwargs), input_shape)
        self.convolutions, self.attentions, self.norms = [], [], []
        for k in range(1, self.blocks + 1):
            convolution = GatedConvolution(condition=self.condition, name=f"convolution_{k}", **of_all)
            self.convolutions.append(built(convolution, wide))
            self.norms.append(norm(f"convolution_norm_{k}"))
            if self.heads:
                self.attentions.append(built(GatedAttention(self.heads, name=f"attention_{k}", **of_all), wide))
                self.norms.append(norm(f"attention_norm_{k}"))
        if self.attentions:
            self.positions = self.add_weight(shape=wide[1:], initializer=Normal(0.01), name="positions")
        seen = (1 + self.last_activation) * self.width
        last = Conv2D(self.outputs, 3, 0.1, self.weight_norm, name="last", **kwargs)
        self.last = built(last, (*input_shape[:-1], seen))
        self.initialized = self.add_weight(
            shape=(), initializer="zeros", dtype="float32", trainable=False, name="initialized"
        )

    def call(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        return self._outputs(x, inputs, lambda layer, x: layer.call(x, inputs))

    def initialize(self, x: tf.Tensor, inputs: Inputs, average: Average) -> tf.Tensor:
        initialized = tf.identity(self.initialized.value)
        y = self._outputs(x, inputs, lambda layer, x: layer.initialize(x, average, initialized))
        self.initialized.assign(1.0)
        return y

    def _outputs(self, x: tf.Tensor, inputs: Inputs, convolve: Convolve) -> tf.Tensor:
        x = convolve(self.first, tf.cast(x, self.computing_dtype(inputs)))
        norms = iter(self.norms)
        for number, convolution in enumerate(self.convolutions):
            x = next(norms).call(convolution.call(x, inputs.fold_in(2 * number), convolve))
            if self.attentions:
                positions = tf.cast(self.positions.value, x.dtype)
                attention = self.attentions[number]
                x = next(norms).call(attention.call(x, positions, inputs.fold_in(2 * number + 1), convolve))
        return convolve(self.last, concat_elu(x) if self.last_activation else x)
