"""The ActNorm of hidden layers."""

from typing import Any

import tensorflow as tf

from flowconv.core.data_dependent import set_actnorm
from flowconv.core.layer import Layer
from flowconv.core.network import Average


class HiddenActNorm(Layer):
    """y = x ⊙ γ + β in each channel of `[B, H, W, C]`, normalized for the batch of initialization.

    It stands where papers before Glow normalize by each batch's own moments: an image's result depends on that image
    alone, in training, too.
    """

    def build(self, input_shape: tuple[Any, ...]) -> None:
        shape = (input_shape[-1],)
        self.log_scale = self.add_weight(shape=shape, initializer="zeros", name="log_scale")
        self.bias = self.add_weight(shape=shape, initializer="zeros", name="bias")
        self.initialized = self.add_weight(
            shape=(), initializer="zeros", dtype="float32", trainable=False, name="initialized"
        )

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns y, in the dtype of x."""
        return x * tf.cast(tf.exp(self.log_scale.value), x.dtype) + tf.cast(self.bias.value, x.dtype)

    def initialize(self, x: tf.Tensor, average: Average) -> tf.Tensor:
        """Sets γ and β so that y is normalized in each channel, unless that was done; returns y."""
        set_actnorm(self, tf.cast(x, self.variable_dtype), average)
        return self.call(x)
