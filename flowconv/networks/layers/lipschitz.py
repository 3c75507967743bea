"""Layers whose Lipschitz constant is known."""

import math
from typing import Any

import keras
import tensorflow as tf

from flowconv.core.inputs import NONE, Inputs
from flowconv.core.layer import Layer
from flowconv.core.weights import Uniform
from flowconv.ops.conv2d import conv2d
from flowconv.ops.spectral_norm import convolution_norm_bound

STEEPEST = 1.1  # above the largest slope of x·sigmoid(x), which is 1.0999


class LipSwish(Layer):
    """x·sigmoid(softplus(β)·x)/1.1, β one learned number: smooth, with slopes of at most 1 (Chen et al. 2019)."""

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.beta = self.add_weight(shape=(), initializer=keras.initializers.Constant(0.5), name="beta")

    def call(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        """Returns the activations, in the shape of x."""
        slope = tf.cast(tf.math.softplus(self.beta.value), x.dtype)
        return x * tf.sigmoid(slope * x) / STEEPEST


class LipschitzConv2D(Layer):
    """A stride-1 convolution, zeros around the image, that is Lipschitz: |y − y′| ≤ limit·|x − x′|.

    The kernel is W·min(1, limit/σ), σ an upper bound of the convolution's largest singular value. It is a function of
    W alone, through which the gradient passes. So there is no vector of a power iteration to be kept, restored and
    agreed upon by ranks, and the limit holds at each step, also at the first and after a large one.

    Args:
      filters: channels of the output.
      kernel_size: k, odd.
      limit: the Lipschitz constant.
    """

    def __init__(self, filters: int, kernel_size: int, limit: float, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.limit = limit

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.image_size = tuple(input_shape[-3:-1])
        shape = (self.kernel_size, self.kernel_size, input_shape[-1], self.filters)
        limit = math.sqrt(6.0 / (self.kernel_size**2 * (input_shape[-1] + self.filters)))  # Glorot's
        self.kernel = self.add_weight(shape=shape, initializer=Uniform(limit), name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def weights_in(self, dtype: str) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns kernel and bias in this dtype."""
        kernel = tf.convert_to_tensor(self.kernel.value)
        factor = self.limit / tf.maximum(convolution_norm_bound(kernel, *self.image_size), self.limit)
        return tf.cast(kernel * factor, dtype), tf.cast(self.bias.value, dtype)

    def call(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        """Returns the convolution, `[B, H, W, filters]`."""
        kernel, bias = inputs.once(self.weights_in, x.dtype.name)
        return tf.nn.bias_add(conv2d(x, kernel), bias)
