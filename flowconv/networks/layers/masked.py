"""Layers under a mask: products and convolutions some of whose weights are 0."""

from typing import Any

import numpy as np
import tensorflow as tf

from flowconv.core.inputs import NONE, Inputs
from flowconv.core.layer import Layer
from flowconv.core.weights import Normal
from flowconv.networks.layers.dense import Dense
from flowconv.ops.conv2d import conv2d


class MaskedDense(Dense):
    """x (W ⊙ M) + b, M a mask (Germain et al. 2015). Arguments as of `Dense`.

    Args:
      mask: M, of zeros and ones, `[C, units]`.
    """

    def __init__(self, mask: np.ndarray, parts: int = 1, **kwargs: Any):
        super().__init__(mask.shape[1], parts, **kwargs)
        self.mask = mask

    def weights_in(self, dtype: str) -> tuple[tf.Tensor, tf.Tensor]:
        matrix, bias = super().weights_in(dtype)
        return matrix * tf.constant(self.mask, dtype), bias


class MaskedConv2D(Layer):
    """A stride-1 convolution with zeros around the image, whose kernel is K ⊙ M (van den Oord et al. 2016).

    Args:
      filters: channels of the output.
      mask: M, of zeros and ones, `[k, k]`: the neighbours that a pixel sees.
    """

    def __init__(self, filters: int, mask: np.ndarray, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters = filters
        self.mask = mask

    def build(self, input_shape: tuple[Any, ...]) -> None:
        shape = (*self.mask.shape, input_shape[-1], self.filters)
        deviation = float(np.sum(self.mask) * input_shape[-1]) ** -0.5  # the output's is then about the input's
        self.kernel = self.add_weight(shape=shape, initializer=Normal(deviation), name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def weights_in(self, dtype: str) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns kernel and bias in this dtype."""
        kernel = self.kernel.value * tf.constant(self.mask[..., None, None], self.variable_dtype)
        return tf.cast(kernel, dtype), tf.cast(self.bias.value, dtype)

    def call(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        """Returns the convolution, `[B, H, W, filters]`."""
        kernel, bias = inputs.once(self.weights_in, x.dtype.name)
        return tf.nn.bias_add(conv2d(x, kernel, self.mask), bias)
