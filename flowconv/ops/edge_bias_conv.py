"""Glow's convolutions: each sees, as one more input channel, where the border of the image is (openai/glow).

That channel e is 1 outside of the image and 0 inside. To pad images with ones would be simpler, and slower. A channel
of ones o = 1 − e, which zeros surround as they do the image, carries the same, and the bias too: w⋆e = Σw − w⋆o.
"""

import numpy as np
import tensorflow as tf

from flowconv.ops.backends import runs_on_cpu
from flowconv.ops.conv2d import conv1x1, conv2d, conv2d_of_ones
from flowconv.ops.relu import relu


def edge_bias_conv2d(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """Returns the stride-1 convolution of x `[B, H, W, C]`, of the same size: `[B, H, W, F]`, in the dtype of x.

    Args:
      x: the images.
      kernel: `[k, k, C + 1, F]`, k odd, the edge's channel last; of k = 1, where there is no edge, `[1, 1, C, F]`.
      bias: `[F]`.
    """
    if kernel.shape[0] == 1:
        return conv2d(x, tf.cast(kernel, x.dtype)) + tf.cast(bias, x.dtype)
    return _conv2d(x, kernel, bias, 0)


def two_layers(
    x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, matrix: tf.Tensor, matrix_bias: tf.Tensor
) -> tf.Tensor:
    """Returns relu(conv1x1(relu(edge_bias_conv2d(x, kernel, bias)), matrix, matrix_bias)).

    `edge_bias_conv2d` twice would do. On CPUs the hidden layer gets channels of ones and zeros, so that the bias is a
    row of the matrix: the product that is the matrix' gradient is 1.3 times as fast, since rows of a power of two
    numbers alias in the cache.

    Args:
      x: `[B, H, W, C]`.
      kernel, bias: as of `edge_bias_conv2d`, k > 1.
      matrix: `[1, 1, F, G]`.
      matrix_bias: `[G]`.
    """
    channels = _padding_channels(x.dtype) if runs_on_cpu() and _has_room(kernel) else 0
    hidden = relu(_conv2d(x, kernel, bias, channels))
    matrix, matrix_bias = tf.cast(tf.reshape(matrix, matrix.shape[2:]), x.dtype), tf.cast(matrix_bias, x.dtype)
    if not channels:
        return relu(conv1x1(hidden, matrix) + matrix_bias)
    zeros = tf.zeros([channels - 1, matrix.shape[1]], x.dtype)
    return relu(conv1x1(hidden, tf.concat([matrix, matrix_bias[None], zeros], 0)))


def _padding_channels(dtype):
    """How many channels follow a hidden layer's own: one of ones, the others of zeros.

    In bfloat16 products with rows of 512 + 32 numbers are 1.2 times as fast as those with rows of 513, which begin
    anywhere in a line of the cache.
    """
    return 32 if dtype == tf.bfloat16 else 1


def _has_room(kernel):
    """Whether `conv2d` takes one more channel of ones: only where there are no more channels than filters."""
    return kernel.shape[2] <= kernel.shape[3]


def _conv2d(x, kernel, bias, padding_channels):
    """The convolution, with channels of ones and zeros after its own."""
    size, dtype, has_room = kernel.shape[0], x.dtype, _has_room(kernel)
    kernel, of_edge = tf.split(kernel, [kernel.shape[2] - 1, 1], axis=2)
    at_centre = bias + tf.reduce_sum(of_edge, [0, 1], keepdims=True)
    of_ones = tf.pad(at_centre, [[size // 2] * 2, [size // 2] * 2, [0, 0], [0, 0]]) - of_edge
    if not has_room:
        return conv2d(x, tf.cast(kernel, dtype)) + tf.cast(conv2d_of_ones(of_ones, *x.shape[1:3]), dtype)
    kernel = tf.concat([tf.cast(kernel, dtype), tf.cast(of_ones, dtype)], 2)
    if padding_channels:
        more = np.zeros([*kernel.shape[:3], padding_channels])
        more[size // 2, size // 2, -1, 0] = 1
        kernel = tf.concat([kernel, tf.constant(more, dtype)], 3)
    return conv2d(x, kernel)
