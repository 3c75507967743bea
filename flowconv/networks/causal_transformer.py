"""TarFlow's network."""

from typing import Any

import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.autoregressive_network import CachedNetwork
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.weights import Normal
from flowconv.networks.layers.attention import Cache, check_heads
from flowconv.networks.layers.building import built
from flowconv.networks.layers.dense import Dense
from flowconv.networks.layers.patches import check_patch_size, patches, pixels
from flowconv.networks.layers.transformer_block import TransformerBlock
from flowconv.ops.shapes import batch_size


class CausalTransformer(CachedNetwork):
    """A transformer whose tokens, patches of an image row by row, see those before them alone (Zhai et al. 2024).

    A token is embedded by a matrix, to which a learned table of positions is added. Then come pre-LN blocks, in which a
    token attends to itself and to those before it, and a matrix, zero at first. Its outputs at a token are the
    parameters of the next one; those of the first are zero. There is no norm before the last matrix.

    A network is built for one size of image. Its cost and memory grow with the square of the number of patches.

    Args:
      width: channels of a token.
      blocks: of the transformer.
      heads: of the attention, which divide the width. TarFlow's have 64 channels each.
      patch_size: p; a token is a patch of p×p pixels, which divide the image.

    Raises:
      ValueError: if heads don't divide the width or, when it is built, patches the image.

    Example:
      >>> from flowconv.bijectors import Autoregressive, Gaussian
      >>> from flowconv.networks.causal_transformer import CausalTransformer
      >>> layer = Autoregressive(Gaussian(), CausalTransformer(width=8, blocks=1, heads=2, patch_size=2))
      >>> layer.build((None, 8, 8, 3))
      >>> layer.network.steps
      16

    References:
      Zhai et al. 2024, "Normalizing Flows are Capable Generative Models".
    """

    has_attention = True

    def __init__(self, width: int = 512, blocks: int = 4, heads: int = 8, patch_size: int = 1, **kwargs: Any):
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
        self.image_of_tokens = (height // size, width // size)
        self.steps = height // size * (width // size)
        wide = (*batch, *self.image_of_tokens, self.width)
        kwargs = {"dtype": self.dtype_policy}
        self.first = built(Dense(self.width, name="first", **kwargs), (*wide[:-1], size**2 * channels))
        self.build_embedding(wide)
        self.positions = self.add_weight(shape=wide[-3:], initializer=Normal(0.01), name="positions")
        self.transformer_blocks = [
            built(TransformerBlock(self.heads, name=f"block_{number}", **kwargs), wide)
            for number in range(1, self.blocks + 1)
        ]
        self.last = built(Dense(size**2 * self.outputs, parts=0, name="last", **kwargs), wide)

    def call(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        x = tf.cast(patches(x, self.patch_size), self.computing_dtype(inputs))
        x = self.first.call(x, inputs) + self.context(inputs)
        for block in self.transformer_blocks:
            x = block.call(x, inputs, causal=True)
        outputs = self.last.call(x, inputs)
        in_a_row = tf.reshape(outputs, [-1, self.steps, outputs.shape[-1]])
        for_the_next = tf.pad(in_a_row[:, :-1], [[0, 0], [1, 0], [0, 0]])
        return pixels(tf.reshape(for_the_next, [-1, *outputs.shape[1:]]), self.patch_size)

    def context(self, inputs: Inputs) -> tf.Tensor:
        positions = tf.cast(self.positions.value, self.computing_dtype(inputs))
        return self.add_embedding(positions[None], inputs)

    def tokens(self, x: tf.Tensor) -> tf.Tensor:
        return tf.reshape(patches(x, self.patch_size), [-1, self.steps, self.patch_size**2, x.shape[-1]])

    def images(self, tokens: tf.Tensor) -> tf.Tensor:
        channels = self.patch_size**2 * tokens.shape[-1]
        return pixels(tf.reshape(tokens, [-1, *self.image_of_tokens, channels]), self.patch_size)

    def empty_cache(self, tokens: tf.Tensor, inputs: Inputs) -> list[Cache]:
        shape = [batch_size(tokens), self.heads, self.steps, self.width // self.heads]
        return [Cache(*(tf.zeros(shape, self.computing_dtype(inputs)) for _ in range(2))) for _ in range(self.blocks)]

    def extend(
        self, tokens: tf.Tensor, cache: list[Cache], first: tf.Tensor | int, context: tf.Tensor, inputs: Inputs
    ) -> tuple[tf.Tensor, list[Cache]]:
        _, length, of_patch, channels = tokens.shape
        in_a_row = tf.reshape(context, [-1, self.steps, 1, self.width])
        own = tf.gather(in_a_row, first + tf.range(length), axis=1)
        x = tf.cast(tf.reshape(tokens, [-1, length, 1, of_patch * channels]), self.computing_dtype(inputs))
        x = self.first.call(x, inputs) + own
        kept = []
        for block, old in zip(self.transformer_blocks, cache, strict=True):
            x, new = block.extend(x, old, first, inputs)
            kept.append(new)
        outputs = self.last.call(x, inputs)
        return tf.reshape(outputs, [-1, length, of_patch, self.outputs]), kept
