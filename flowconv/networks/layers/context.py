"""Features of an image, on which the couplings of a dequantization are conditioned."""

from collections.abc import Mapping
from typing import Any, NoReturn

import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.condition import Condition
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


class ContextNetwork(Network):
    """A 3×3 convolution and blocks of gated 3×3 convolutions: Flow++'s features of an image (Ho et al. 2019).

    Args:
      width: channels, those of the features.
      blocks: gated convolutions.
      heads: of a gated attention after each; 0 leaves attention out.
      norm: whether a layer norm follows each.
      dropout: the rate, in training.
      weight_norm: of all convolutions.
    """

    def __init__(
        self,
        width: int,
        blocks: int,
        heads: int = 0,
        norm: bool = False,
        dropout: float = 0.0,
        weight_norm: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if heads:
            check_heads(heads, width)
        self.outputs = self.width = width
        self.blocks = blocks
        self.heads = heads
        self.norm = norm
        self.dropout = dropout
        self.weight_norm = weight_norm

    def build(self, input_shape: tuple[Any, ...]) -> None:
        wide = (*input_shape[:-1], self.width)
        kwargs = {"dtype": self.dtype_policy}
        of_all = {"dropout": self.dropout, "weight_norm": self.weight_norm, **kwargs}
        self.first = built(Conv2D(self.width, 3, weight_norm=self.weight_norm, name="first", **kwargs), input_shape)
        self.convolutions, self.attentions, self.norms = [], [], []
        for k in range(1, self.blocks + 1):
            self.convolutions.append(built(GatedConvolution(3, name=f"convolution_{k}", **of_all), wide))
            if self.norm:
                self.norms.append(built(LayerNorm(name=f"convolution_norm_{k}", **kwargs), wide))
            if self.heads:
                self.attentions.append(built(GatedAttention(self.heads, name=f"attention_{k}", **of_all), wide))
            if self.heads and self.norm:
                self.norms.append(built(LayerNorm(name=f"attention_norm_{k}", **kwargs), wide))
        if self.attentions:
            self.positions = self.add_weight(shape=wide[1:], initializer=Normal(0.01), name="positions")
        self.initialized = self.add_weight(
            shape=(), initializer="zeros", dtype="float32", trainable=False, name="initialized"
        )

    def call(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        return self._features(x, inputs, lambda layer, x: layer.call(x, inputs))

    def initialize(self, x: tf.Tensor, inputs: Inputs, average: Average) -> tf.Tensor:
        initialized = tf.identity(self.initialized.value)
        features = self._features(x, inputs, lambda layer, x: layer.initialize(x, average, initialized))
        self.initialized.assign(1.0)
        return features

    def _features(self, x: tf.Tensor, inputs: Inputs, convolve: Convolve) -> tf.Tensor:
        x = convolve(self.first, tf.cast(x, self.computing_dtype(inputs)))
        norms = iter(self.norms)
        for number, convolution in enumerate(self.convolutions):
            x = convolution.call(x, inputs.fold_in(2 * number), convolve)
            x = next(norms).call(x) if self.norm else x
            if self.attentions:
                positions = tf.cast(self.positions.value, x.dtype)
                x = self.attentions[number].call(x, positions, inputs.fold_in(2 * number + 1), convolve)
                x = next(norms).call(x) if self.norm else x
        return x


class Context(Condition):
    """Features `[B, H, W, C]` as a condition, at the resolution of the images that a network sees, or a finer one.

    Args:
      shape: (H, W, C).
      weight_norm: of its embeddings.
    """

    def __init__(self, shape: tuple[int, int, int], weight_norm: bool = False):
        self.shape = shape
        self.weight_norm = weight_norm

    def of_batch(self, batch: Mapping[str, Any]) -> NoReturn:
        raise ValueError("a context is made by a network, not of a batch")

    def take(self, condition: Any) -> tf.Tensor:
        return arguments.floats(condition, self.shape, "float32", "condition")

    def embedding(self, channels: int, **kwargs: Any) -> "ContextEmbedding":
        return ContextEmbedding(self.shape, channels, self.weight_norm, **kwargs)


class ContextEmbedding(Conv2D):
    """1×1(elu([a, −a])) of a context a (Ho et al. 2019); where features are coarser, blocks of pixels become channels.

    Args:
      shape: (H, W, C) of the context.
      channels: of the features to which it is added.
      weight_norm: of the convolution.
    """

    def __init__(self, shape: tuple[int, int, int], channels: int, weight_norm: bool = False, **kwargs: Any):
        super().__init__(channels, 1, weight_norm=weight_norm, **kwargs)
        self.shape = tuple(shape)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        height, width, channels = self.shape
        self.coarser = height // input_shape[-3] or 1
        if (self.coarser * input_shape[-3], self.coarser * input_shape[-2]) != (height, width):
            raise ValueError(f"a context {height}×{width} has no {input_shape[-3]}×{input_shape[-2]} blocks of pixels")
        super().build((None, *input_shape[-3:-1], 2 * channels * self.coarser**2))

    def call(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        x = concat_elu(tf.cast(x, self.variable_dtype if inputs.full_precision else self.compute_dtype))
        return super().call(tf.nn.space_to_depth(x, self.coarser) if self.coarser > 1 else x, inputs)
