"""Layer normalization."""

from typing import Any

import tensorflow as tf

from flowconv.core.layer import Layer
from flowconv.ops.layer_norm import normalize_channels


class LayerNorm(Layer):
    """y = γ ⊙ (x − mean) / √(variance + ε) + β over the channels of each pixel `[B, H, W, C]` (Ba et al. 2016).

    Args:
      epsilon: ε.
    """

    def __init__(self, epsilon: float = 1e-5, **kwargs: Any):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")
        self.bias = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="bias")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns y, in the dtype of x; mean and variance have at least float32's precision."""
        y = normalize_channels(x, self.epsilon)
        return y * tf.cast(self.scale.value, x.dtype) + tf.cast(self.bias.value, x.dtype)
