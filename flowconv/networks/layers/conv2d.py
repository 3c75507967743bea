"""The convolution of Flow++."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from flowconv.core.data_dependent import channel_moments
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.layer import Layer
from flowconv.core.network import Average
from flowconv.core.weights import Normal
from flowconv.networks.layers.weight_norm import normalized
from flowconv.ops.batch_parallel import map_slices
from flowconv.ops.conv2d import conv2d


class Conv2D(Layer):
    """A stride-1 convolution with zeros around the image, whose output for the first batch has a given deviation.

    Args:
      filters: channels of the output.
      kernel_size: k, odd.
      deviation: of each of the output's channels at initialization, where their means become 0.
      weight_norm: whether the kernel is g·V/‖V‖, g and V being trained.
    """

    def __init__(
        self, filters: int, kernel_size: int, deviation: float = 1.0, weight_norm: bool = False, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.deviation = deviation
        self.weight_norm = weight_norm

    def build(self, input_shape: tuple[Any, ...]) -> None:
        shape = (self.kernel_size, self.kernel_size, input_shape[-1], self.filters)
        self.kernel = self.add_weight(shape=shape, initializer=Normal(0.05), name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")
        if self.weight_norm:
            self.gain = self.add_weight(shape=(self.filters,), initializer="ones", name="gain")

    def weights_in(self, dtype: str) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns kernel and bias in this dtype."""
        kernel = self.kernel.value
        if self.weight_norm:
            kernel = normalized(kernel) * self.gain.value
        return tf.cast(kernel, dtype), tf.cast(self.bias.value, dtype)

    def call(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        """Returns the convolution, `[B, H, W, filters]`."""
        kernel, bias = inputs.once(self.weights_in, x.dtype.name)
        return tf.nn.bias_add(conv2d(x, kernel), bias)

    def initialize(self, x: tf.Tensor, average: Average, initialized: tf.Tensor) -> tf.Tensor:
        """Scales the kernel and sets the bias so that the output has mean 0 and `deviation`; returns it.

        Args:
          x: of the batch.
          average: returns a tensor's mean over all workers.
          initialized: where it is 1, weights stay as they are.
        """
        kernel, bias = self.weights_in(x.dtype.name)
        y = tf.cast(map_slices(lambda part: conv2d(part, kernel) + bias, x), self.variable_dtype)
        mean, deviation = channel_moments(y, average)
        factor = tf.where(initialized > 0, tf.ones_like(mean), self.deviation / deviation)
        mean = tf.where(initialized > 0, tf.zeros_like(mean), mean)
        factor, mean = tf.cast(factor, self.variable_dtype), tf.cast(mean, self.variable_dtype)
        scaled = self.gain if self.weight_norm else self.kernel
        scaled.assign(scaled.value * factor)
        self.bias.assign((self.bias.value - mean) * factor)
        return tf.cast((y - mean) * factor, x.dtype)


Convolve = Callable[[Conv2D, tf.Tensor], tf.Tensor]  # its `call`, or its `initialize`
