"""The network inside a coupling layer."""

import keras
import numpy as np
import tensorflow as tf

from flowconv.bijectors.convolution import convolve
from flowconv.bijectors.initialization import initializing, normalize_once
from flowconv.bijectors.precision import computing_dtype


class Convolution(keras.layers.Layer):
    """A stride-1 convolution [B, H, W, C] → [B, H, W, filters] that keeps the image's size.

    Kernels larger than 1×1 see a border of zeros and, as one more input channel, a mark of where that
    border is (openai/glow's edge bias). Variables stay in the variable dtype and are cast when used.
    """

    def __init__(self, filters: int, kernel_size: int, initializer, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.kernel_initializer = initializer

    def build(self, input_shape):
        size = self.kernel_size
        channels = input_shape[-1] + (size > 1)
        self.kernel = self.add_weight(
            shape=(size, size, channels, self.filters), initializer=self.kernel_initializer, name="kernel"
        )

    def _convolve(self, x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, activation=tf.identity) -> tf.Tensor:
        dtype = computing_dtype(self)
        kernel, bias = tf.cast(kernel, dtype), tf.cast(bias, dtype)
        border = self.kernel_size // 2
        if border == 0:  # as rows, so that product, bias and activation are one operation
            rows = tf.matmul(tf.reshape(x, [-1, x.shape[-1]]), kernel[0, 0])
            return tf.reshape(activation(tf.nn.bias_add(rows, bias)), [-1, *x.shape[1:3], self.filters])
        mark = np.pad(np.zeros(x.shape[1:3]), border, constant_values=1.0)
        if x.shape[-1] < self.filters:  # widen whichever is narrower: the input, or the output's bias
            mark = tf.constant(mark[None, :, :, None], dtype)
            x = tf.pad(x, [[0, 0], [border, border], [border, border], [0, 0]])
            x = tf.concat([x, tf.repeat(mark, tf.shape(x)[0], axis=0)], axis=-1)
            return activation(tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "VALID"), bias))
        kernel, of_mark = tf.split(kernel, [x.shape[-1], 1], axis=2)
        seen = np.lib.stride_tricks.sliding_window_view(mark, [self.kernel_size] * 2)  # [H, W, k, k]
        bias += tf.tensordot(tf.constant(seen, dtype), of_mark[:, :, 0], 2)
        return activation(convolve(x, kernel) + bias)


class NormalizedConvolution(Convolution):
    """A convolution followed by an ActNorm, which is folded into the kernel: relu(conv(x, W ⊙ γ) + β)."""

    def build(self, input_shape):
        super().build(input_shape)
        self.log_scale = self.add_weight(shape=(self.filters,), initializer="zeros", name="log_scale")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")
        self.initialized = self.add_weight(
            shape=(), initializer="zeros", dtype="float32", trainable=False, name="initialized"
        )

    def initialize(self, x: tf.Tensor) -> tf.Tensor:
        """Sets γ and β so that the convolution of x `[B, H, W, C]` comes out normalized, unless that was done.

        Returns:
          That convolution, normalized.
        """
        y = tf.cast(self._convolve(x, self.kernel.value, tf.zeros(self.filters)), self.variable_dtype)
        normalize_once(self, y)
        return tf.cast(y * tf.exp(self.log_scale.value) + self.bias.value, computing_dtype(self))

    def call(self, x):
        if initializing():
            return tf.nn.relu(self.initialize(x))
        return self._convolve(x, self.kernel.value * tf.exp(self.log_scale.value), self.bias.value, tf.nn.relu)


class ScaledConvolution(Convolution):
    """The last convolution: zero at first, each output channel times exp(3·log_scale)."""

    def build(self, input_shape):
        super().build(input_shape)
        self.log_scale = self.add_weight(shape=(self.filters,), initializer="zeros", name="log_scale")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, x):
        scale = tf.exp(3.0 * self.log_scale.value)
        return self._convolve(x, self.kernel.value * scale, self.bias.value * scale)


class CouplingNetwork(keras.layers.Layer):
    """Glow's network: 3×3 convolution, 1×1 convolution, 3×3 convolution (Kingma & Dhariwal 2018, section B).

    The first two have `width` filters, an ActNorm and a ReLU; the last one is zero at first, so that a
    new coupling is the same map for all images. [B, H, W, C] → [B, H, W, outputs]. It is a network, not
    a bijector: it need not be invertible. Under the dtype policy "mixed_bfloat16" it computes in bfloat16,
    but not within `full_precision`.
    """

    def __init__(self, width: int, outputs: int, **kwargs):
        super().__init__(**kwargs)
        normal = keras.initializers.RandomNormal(0.0, 0.05)
        self.first = NormalizedConvolution(width, 3, normal, dtype=self.dtype_policy, name="first")
        self.hidden = NormalizedConvolution(
            width, 1, keras.initializers.RandomNormal(0.0, 0.05), dtype=self.dtype_policy, name="hidden"
        )
        self.last = ScaledConvolution(outputs, 3, "zeros", dtype=self.dtype_policy, name="last")

    def build(self, input_shape):
        for layer in (self.first, self.hidden, self.last):
            layer.build(input_shape)
            input_shape = (*input_shape[:-1], layer.filters)

    def call(self, x):
        return self.last.call(self.hidden.call(self.first.call(tf.cast(x, computing_dtype(self)))))
