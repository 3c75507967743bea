"""The network inside a coupling layer."""

import keras
import numpy as np
import tensorflow as tf

from flowconv.bijectors.convolution import convolve, convolve_marked
from flowconv.bijectors.initialization import initializing, normalize_once
from flowconv.bijectors.precision import computing_dtype
from flowconv.bijectors.side_by_side import joined, on_cores, shared, split


class Convolution(keras.layers.Layer):
    """A stride-1 convolution [B, H, W, C] → [B, H, W, filters] that keeps the image's size.

    Kernels larger than 1×1 see a border of zeros and, as one more input channel, a mark of where that
    border is (openai/glow's edge bias). Variables stay in the variable dtype and are cast when used.

    Args:
      filters: channels of the output.
      kernel_size: k, odd.
      initializer: of the kernel.
      ones: whether the output has one more channel, which is 1, where that makes the next layer, of 1×1, faster: on
        CPUs. Its bias is a row of its matrix then, and rows of 129 numbers instead of 128 make the product that is
        the matrix' gradient 1.3 times as fast: rows of a power of two are in each other's way in the cache.
    """

    def __init__(self, filters: int, kernel_size: int, initializer, *, ones: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self._ones = ones
        self.kernel_size = kernel_size
        self.kernel_initializer = initializer

    def build(self, input_shape):
        size = self.kernel_size
        self.image_size = tuple(input_shape[1:3])
        channels = input_shape[-1] + (size > 1)
        self.widens = channels <= self.filters
        self.kernel = self.add_weight(
            shape=(size, size, channels, self.filters), initializer=self.kernel_initializer, name="kernel"
        )

    @property
    def ones(self) -> bool:
        """Whether the output has a channel of ones here."""
        return self._ones and on_cores()

    def prepare(self, kernel: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns of a kernel and a bias what `convolve` takes."""
        dtype = computing_dtype(self)
        kernel, bias = tf.cast(kernel, dtype), tf.cast(bias, dtype)
        if self.kernel_size == 1:
            return tf.concat([kernel[0, 0], bias[None]], 0), bias
        if self.ones:
            # Not by tf.pad: with oneDNN, TensorFlow takes a kernel's padding for the images' and aborts.
            kernel = tf.concat([kernel, tf.zeros([*kernel.shape[:3], 1], dtype)], 3)
            bias = tf.concat([bias, tf.ones([1], dtype)], 0)
        if self.widens:
            return kernel, bias
        kernel, of_mark = tf.split(kernel, [kernel.shape[2] - 1, 1], axis=2)
        seen = np.lib.stride_tricks.sliding_window_view(self._mark(), [self.kernel_size] * 2)  # [H, W, k, k]
        return kernel, bias + tf.tensordot(tf.constant(seen, dtype), of_mark[:, :, 0], 2)

    def convolve(self, x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, rectify: bool = False) -> tf.Tensor:
        """Returns the convolution of x with what `prepare` returned, and a ReLU after it if asked."""
        activation = tf.nn.relu if rectify else tf.identity
        if self.kernel_size == 1:
            rows = tf.reshape(x, [-1, x.shape[-1]])
            with_ones = rows.shape[1] == kernel.shape[0]
            y = tf.matmul(rows, kernel) if with_ones else tf.nn.bias_add(tf.matmul(rows, kernel[:-1]), bias)
            return tf.reshape(activation(y), [-1, *x.shape[1:3], self.filters])
        if self.widens:
            return convolve_marked(x, kernel, bias, self._mark(), rectify)
        return activation(convolve(x, kernel) + bias)

    def _mark(self):
        return np.pad(np.zeros(self.image_size), self.kernel_size // 2, constant_values=1.0)


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
        prepared = self.prepare(self.kernel.value, tf.zeros(self.filters))
        y = joined([self.convolve(part, *prepared) for part in split(x)])
        y = tf.cast(y, self.variable_dtype)[..., : self.filters]
        normalize_once(self, y)
        y = tf.cast(y * tf.exp(self.log_scale.value) + self.bias.value, computing_dtype(self))
        return tf.pad(y, [[0, 0]] * 3 + [[0, 1]], constant_values=1) if self.ones else y

    def call(self, x):
        if initializing():
            return tf.nn.relu(self.initialize(x))
        return self.convolve(x, *self._scaled(), rectify=True)

    @shared
    def _scaled(self):
        return self.prepare(self.kernel.value * tf.exp(self.log_scale.value), self.bias.value)


class ScaledConvolution(Convolution):
    """The last convolution: zero at first, each output channel times exp(3·log_scale)."""

    def build(self, input_shape):
        super().build(input_shape)
        self.log_scale = self.add_weight(shape=(self.filters,), initializer="zeros", name="log_scale")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, x):
        return self.convolve(x, *self._scaled())

    @shared
    def _scaled(self):
        scale = tf.exp(3.0 * self.log_scale.value)
        return self.prepare(self.kernel.value * scale, self.bias.value * scale)


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
        self.first = NormalizedConvolution(width, 3, normal, ones=True, dtype=self.dtype_policy, name="first")
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
