"""The network inside a coupling layer."""

import keras
import numpy as np
import tensorflow as tf

from flowconv.bijectors import inputs
from flowconv.bijectors.convolution import convolve, convolve_ones, pixelwise
from flowconv.bijectors.initialization import initializing, normalize_once
from flowconv.bijectors.precision import computing_dtype
from flowconv.bijectors.relu import relu
from flowconv.bijectors.side_by_side import joined, on_cores, shared, split


def channels_of_ones(dtype: str) -> int:
    """Returns how many channels follow an image's own where the next layer is 1×1: one of ones, the others of zeros.

    That layer's bias is a row of its matrix then, and the product that is the matrix' gradient 1.3 times as fast: rows
    of a power of two are in each other's way in the cache. In bfloat16 the products with rows of 512 + 32 numbers are
    1.2 times as fast as those with rows of 513, which begin anywhere in a line of the cache.
    """
    return 32 if dtype == "bfloat16" else 1


class Convolution(keras.layers.Layer):
    """A stride-1 convolution [B, H, W, C] → [B, H, W, filters] that keeps the image's size.

    Kernels larger than 1×1 see a border of zeros and, as one more input channel, a mark of where that
    border is (openai/glow's edge bias). Variables stay in the variable dtype and are cast when used.

    Args:
      filters: channels of the output.
      kernel_size: k, odd.
      initializer: of the kernel.
      ones: whether the output has channels of ones where they make the next layer, of 1×1, faster: on CPUs.
    """

    def __init__(self, filters: int, kernel_size: int, initializer, *, ones: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self._ones = ones
        self.kernel_size = inputs.kernel_size(kernel_size)
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
    def more_channels(self) -> int:
        """How many channels the output has here beside its filters."""
        return channels_of_ones(computing_dtype(self)) if self._ones and self.widens and on_cores() else 0

    def prepare(self, kernel: tf.Tensor, bias: tf.Tensor) -> list[tf.Tensor]:
        """Returns of a kernel and a bias what `convolve` takes: a kernel that has the bias, or both, `[H, W, filters]`.

        Larger kernels than 1×1 see ones, and zeros around them, in the place of the mark, 1 − ones. Their weights are
        the mark's with the other sign and, at the pixel itself, the bias and the sum of the mark's.
        """
        size, dtype = self.kernel_size, computing_dtype(self)
        if size == 1:
            matrix, bias = tf.reshape(tf.cast(kernel, dtype), kernel.shape[2:]), tf.cast(bias, dtype)[None]
            return [tf.concat([matrix, bias, tf.zeros([channels_of_ones(dtype) - 1, self.filters], dtype)], 0)]
        kernel, of_mark = tf.split(kernel, [kernel.shape[2] - 1, 1], axis=2)
        of_pixel = bias + tf.reduce_sum(of_mark, [0, 1], keepdims=True)
        of_ones = tf.pad(of_pixel, [[size // 2] * 2, [size // 2] * 2, [0, 0], [0, 0]]) - of_mark
        if not self.widens:
            return [tf.cast(kernel, dtype), tf.cast(convolve_ones(of_ones, *self.image_size), dtype)]
        kernel = tf.concat([tf.cast(kernel, dtype), tf.cast(of_ones, dtype)], 2)
        if self.more_channels:
            more = np.zeros([*kernel.shape[:3], self.more_channels])
            more[size // 2, size // 2, -1, 0] = 1
            kernel = tf.concat([kernel, tf.constant(more, dtype)], 3)
        return [kernel]

    def convolve(self, x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor | None = None) -> tf.Tensor:
        """Returns the convolution of x, which may have channels of ones if k is 1, with what `prepare` returned."""
        if bias is not None:
            return convolve(x, kernel) + bias
        if self.kernel_size > 1:
            return convolve(x, kernel)
        channels, rows = x.shape[-1], kernel.shape[0]
        return pixelwise(x, kernel) if channels == rows else pixelwise(x, kernel[:channels]) + kernel[channels]


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
        prepared = self.prepare(self.kernel.value, tf.zeros_like(self.bias.value))
        y = joined([self.convolve(part, *prepared) for part in split(x)])
        y = tf.cast(y, self.variable_dtype)[..., : self.filters]
        normalize_once(self, y)
        return tf.cast(y * tf.exp(self.log_scale.value) + self.bias.value, computing_dtype(self))

    def call(self, x):
        if initializing():
            return relu(self.initialize(x))
        return relu(self.convolve(x, *self._scaled()))

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
