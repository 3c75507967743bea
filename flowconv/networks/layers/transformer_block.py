"""A block of a transformer."""

from typing import Any

import tensorflow as tf

from flowconv.core.inputs import NONE, Inputs
from flowconv.core.layer import Layer
from flowconv.networks.layers.attention import Cache, check_heads, extended_attention, self_attention
from flowconv.networks.layers.building import built
from flowconv.networks.layers.dense import Dense
from flowconv.networks.layers.layer_norm import LayerNorm
from flowconv.ops.gelu import gelu


class TransformerBlock(Layer):
    """x + attention(norm(x)), and then x + MLP(norm(x)): a pre-LN block (Dosovitskiy et al. 2021).

    The MLP has one hidden layer, four times as wide, with GELU.

    Args:
      heads: of the attention, which divide the channels.
    """

    def __init__(self, heads: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.heads = heads

    def build(self, input_shape: tuple[Any, ...]) -> None:
        width = input_shape[-1]
        check_heads(self.heads, width)
        kwargs = {"dtype": self.dtype_policy}
        self.attention_norm = built(LayerNorm(name="attention_norm", **kwargs), input_shape)
        self.queries_keys_values = built(Dense(3 * width, 3, name="queries_keys_values", **kwargs), input_shape)
        self.merge = built(Dense(width, name="merge", **kwargs), input_shape)
        self.mlp_norm = built(LayerNorm(name="mlp_norm", **kwargs), input_shape)
        self.hidden = built(Dense(4 * width, bias_deviation=1e-6, name="hidden", **kwargs), input_shape)
        self.last = built(Dense(width, bias_deviation=1e-6, name="last", **kwargs), (*input_shape[:-1], 4 * width))

    def call(self, x: tf.Tensor, inputs: Inputs = NONE, causal: bool = False) -> tf.Tensor:
        """Returns the output, of the shape of x; causal: of each pixel that of those up to it, row by row, alone."""
        attended = self_attention(self._attended(x, inputs), self.heads, causal, inputs.attention_temperature)
        return self._after_attention(x, attended, inputs)

    def extend(
        self, x: tf.Tensor, cache: Cache, first: tf.Tensor | int, inputs: Inputs = NONE
    ) -> tuple[tf.Tensor, Cache]:
        """Returns the causal output of a few pixels `[B, S, 1, C]`, and the keys and values that are known then.

        Args:
          x: of the pixels.
          cache: of those before.
          first: place of the first one among all.
          inputs: as of `call`.
        """
        attended, cache = extended_attention(
            self._attended(x, inputs), self.heads, cache, first, inputs.attention_temperature
        )
        return self._after_attention(x, attended, inputs), cache

    def _attended(self, x: tf.Tensor, inputs: Inputs) -> tf.Tensor:
        """Queries, keys and values."""
        return self.queries_keys_values.call(self.attention_norm.call(x), inputs)

    def _after_attention(self, x: tf.Tensor, attended: tf.Tensor, inputs: Inputs) -> tf.Tensor:
        """The rest of the block."""
        x += self.merge.call(attended, inputs)
        hidden = gelu(self.hidden.call(self.mlp_norm.call(x), inputs))
        return x + self.last.call(hidden, inputs)
