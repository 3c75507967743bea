"""Weight normalization."""

from typing import Any

import keras
import tensorflow as tf

from flowconv.core.inputs import NONE, Inputs
from flowconv.core.layer import Layer
from flowconv.core.weights import Normal
from flowconv.ops.conv2d import conv2d


def normalized(kernel: tf.Tensor) -> tf.Tensor:
    """Returns V/‖V‖ of a kernel `[k, k, C, F]`, each of the F filters by itself."""
    return tf.math.l2_normalize(kernel, axis=[0, 1, 2])


class WeightNormConv2D(Layer):
    """conv(x, g·V/‖V‖) + b, which keeps the image's size, zeros around it.

    Args:
      filters: channels of the output.
      kernel_size: k, odd.
      magnitude: g at first; None: g is 1 and b is 0, of a layer that an ActNorm follows.

    References:
      Salimans, Kingma 2016, "Weight Normalization: A Simple Reparameterization to Accelerate Training of Deep Neural
      Networks".
    """

    def __init__(self, filters: int, kernel_size: int, magnitude: float | None = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.magnitude = magnitude

    def build(self, input_shape: tuple[Any, ...]) -> None:
        shape = (self.kernel_size, self.kernel_size, input_shape[-1], self.filters)
        self.direction = self.add_weight(shape=shape, initializer=Normal(0.05), name="direction")
        if self.magnitude is not None:
            first = keras.initializers.Constant(self.magnitude)
            self.gain = self.add_weight(shape=(self.filters,), initializer=first, name="gain")
            self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def weights_in(self, dtype: str) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Returns the kernel, and the bias if there is one, of a convolution in this dtype."""
        kernel = normalized(self.direction.value)
        if self.magnitude is None:
            return tf.cast(kernel, dtype), None
        return tf.cast(kernel * self.gain.value, dtype), tf.cast(self.bias.value, dtype)

    def call(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        """Returns the convolution, `[B, H, W, filters]`."""
        kernel, bias = inputs.once(self.weights_in, x.dtype.name)
        y = conv2d(x, kernel)
        return y if bias is None else tf.nn.bias_add(y, bias)
