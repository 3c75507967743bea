"""Glow's convolutions: with an ActNorm, or zero at first."""

from typing import Any

import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.data_dependent import set_actnorm
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.layer import Layer
from flowconv.core.network import Average
from flowconv.core.weights import Normal
from flowconv.ops.batch_parallel import map_slices
from flowconv.ops.edge_bias_conv import Folded, edge_bias_conv2d, fold


class EdgeBiasConv2D(Layer):
    """A stride-1 convolution `[B, H, W, C]` → `[B, H, W, filters]` that keeps the image's size.

    Kernels larger than 1×1 see a border of zeros and, as one more input channel, where that border is (openai/glow's
    edge bias). Variables stay in the variable dtype and are cast when used.

    Args:
      filters: channels of the output.
      kernel_size: k, odd.
    """

    def __init__(self, filters: int, kernel_size: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = arguments.kernel_size(kernel_size)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        size, channels = self.kernel_size, input_shape[-1]
        shape = (size, size, channels + (size > 1), self.filters)
        self.kernel = self.add_weight(shape=shape, initializer=self.kernel_initializer(), name="kernel")
        self.log_scale = self.add_weight(shape=(self.filters,), initializer="zeros", name="log_scale")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def kernel_initializer(self) -> Any:
        """Returns the initializer of the kernel."""
        return "zeros"

    def kernel_and_bias(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the weights of the convolution, scaled."""
        raise NotImplementedError

    def folded(self, image_size: tuple[int, int], dtype: str) -> Folded:
        """Returns the weights of the convolution, prepared for images of this size and dtype."""
        return fold(*self.kernel_and_bias(), image_size, dtype)

    def call(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        """Returns the convolution, `[B, H, W, filters]`."""
        return edge_bias_conv2d(x, inputs.once(self.folded, tuple(x.shape[1:3]), x.dtype.name))


class ActNormConv2D(EdgeBiasConv2D):
    """A convolution followed by an ActNorm, which is folded into the kernel: conv(x, W ⊙ γ) + β."""

    def build(self, input_shape: tuple[Any, ...]) -> None:
        super().build(input_shape)
        self.initialized = self.add_weight(
            shape=(), initializer="zeros", dtype="float32", trainable=False, name="initialized"
        )

    def kernel_initializer(self) -> Any:
        return Normal(0.05)

    def kernel_and_bias(self) -> tuple[tf.Tensor, tf.Tensor]:
        return self.kernel.value * tf.exp(self.log_scale.value), self.bias.value

    def initialize(self, x: tf.Tensor, average: Average) -> tf.Tensor:
        """Sets γ and β so that the output is normalized in each channel, unless that was done; returns the output."""
        weights = fold(self.kernel.value, tf.zeros_like(self.bias.value), tuple(x.shape[1:3]), x.dtype.name)
        y = map_slices(lambda part: edge_bias_conv2d(part, weights), x)
        y = tf.cast(y, self.variable_dtype)
        set_actnorm(self, y, average)
        return tf.cast(y * tf.exp(self.log_scale.value) + self.bias.value, x.dtype)


class ZeroConv2D(EdgeBiasConv2D):
    """A convolution that is zero at first, each output channel times exp(3·log_scale)."""

    def kernel_and_bias(self) -> tuple[tf.Tensor, tf.Tensor]:
        scale = tf.exp(3.0 * self.log_scale.value)
        return self.kernel.value * scale, self.bias.value * scale
