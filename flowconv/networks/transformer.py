"""Jet's network."""

from typing import Any

import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.network import Network
from flowconv.core.weights import Normal
from flowconv.networks.layers.attention import check_heads
from flowconv.networks.layers.building import built
from flowconv.networks.layers.dense import Dense
from flowconv.networks.layers.layer_norm import LayerNorm
from flowconv.networks.layers.patches import check_patch_size, patches, pixels
from flowconv.networks.layers.transformer_block import TransformerBlock


class TransformerNetwork(Network):
    """A vision transformer: each patch of an image is a token, and each token attends to all (Kolesnikov et al. 2024).

    A token is embedded by a matrix, to which a learned table of positions is added; then come pre-LN blocks, a layer
    norm and a matrix that gives the parameters of the patch's pixels. It is zero at first, so that a new coupling is
    the same map for all images. A network is built for one size of image. Cost and memory of its attention grow with
    the square of the number of patches.

    Jet itself squeezes images by its patches before any coupling: its networks see patches as channels, which is
    `patch_size` 1.

    Args:
      width: channels of a token.
      blocks: of the transformer.
      heads: of the attention, which divide the width.
      patch_size: p; a token is a patch of p×p pixels, which divide the image at every level.

    Raises:
      ValueError: if heads don't divide the width or, when it is built, patches the image.

    Example:
      >>> from flowconv.bijectors import Affine, Coupling
      >>> from flowconv.networks.transformer import TransformerNetwork
      >>> layer = Coupling(Affine(), TransformerNetwork(width=8, blocks=1, heads=2, patch_size=2))
      >>> layer.build((None, 4, 4, 6))
      >>> tuple(layer.network.positions.shape)
      (2, 2, 8)

    References:
      Kolesnikov, Pinto, Tschannen 2024, "Jet: A Modern Transformer-Based Normalizing Flow".
      Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale".
    """

    def __init__(self, width: int = 512, blocks: int = 2, heads: int = 8, patch_size: int = 1, **kwargs: Any):
        super().__init__(**kwargs)
        arguments.whole(1, width=width, blocks=blocks, heads=heads, patch_size=patch_size)
        check_heads(heads, width)
        self.width = width
        self.blocks = blocks
        self.heads = heads
        self.patch_size = patch_size

    def build(self, input_shape: tuple[Any, ...]) -> None:
        *batch, height, width, channels = input_shape
        size = self.patch_size
        check_patch_size(size, height, width)
        tokens = (*batch, height // size, width // size)
        wide = (*tokens, self.width)
        kwargs = {"dtype": self.dtype_policy}
        self.first = built(Dense(self.width, name="first", **kwargs), (*tokens, size**2 * channels))
        self.build_embedding(wide)
        deviation = self.width**-0.5
        self.positions = self.add_weight(shape=wide[-3:], initializer=Normal(deviation), name="positions")
        self.transformer_blocks = [
            built(TransformerBlock(self.heads, name=f"block_{number}", **kwargs), wide)
            for number in range(1, self.blocks + 1)
        ]
        self.norm = built(LayerNorm(name="norm", **kwargs), wide)
        self.last = built(Dense(size**2 * self.outputs, parts=0, name="last", **kwargs), wide)

    def call(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        x = self.first.call(patches(tf.cast(x, self.computing_dtype(inputs)), self.patch_size), inputs)
        x = self.add_embedding(x + tf.cast(self.positions.value, x.dtype), inputs)
        for block in self.transformer_blocks:
            x = block.call(x, inputs)
        return pixels(self.last.call(self.norm.call(x), inputs), self.patch_size)
