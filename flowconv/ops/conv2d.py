"""Stride-1 convolutions that are as fast backward as they are forward: on CPUs, products of matrices."""

from typing import Any

import numpy as np
import tensorflow as tf

from flowconv.ops.backends import runs_on_cpu
from flowconv.ops.custom_gradient import custom_gradient


def conv2d(x: tf.Tensor, kernel: tf.Tensor, mask: np.ndarray | None = None) -> tf.Tensor:
    """Returns the convolution of x `[B, H, W, C]` with a kernel `[k, k, C, F]`, k odd, of the same H and W.

    If the kernel has C + 1 channels, no more than F, the last one sees ones, and zeros around the image as the others
    do: a bias that is another one near the border. `mask` `[k, k]` is 0 where the kernel is 0 for all channels: CPUs
    leave these taps out.

    It is `tf.nn.conv2d`, which is slower on CPUs (measured at width 128 and 512, forward and backward): 1×1, a product
    of matrices, up to 4 times, few filters' gradients about 4 times, few channels' 1.1 to 1.5 times.
    """
    size, _, channels, filters = kernel.shape
    if size == 1 and channels == x.shape[-1]:
        return conv1x1(x, tf.reshape(kernel, [channels, filters]))
    if runs_on_cpu():
        seen = np.arange(size**2) if mask is None else np.flatnonzero(mask)
        taps = _choose(kernel, seen)
        return (_convolve_few if channels <= filters else _convolve_to_few)(x, taps, size, seen)
    return tf.nn.conv2d(_with_ones(x, channels), kernel, 1, "SAME")


def conv2d_of_ones(kernel: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Returns the convolution `[H, W, F]` of an image of ones, and zeros around it, with a kernel `[k, k, 1, F]`."""
    size, _, _, filters = kernel.shape
    inside = tf.constant(_neighbours(height, width, size) > 0)
    rows = tf.matmul(tf.cast(inside, kernel.dtype), tf.reshape(kernel, [size**2, filters]))
    return tf.reshape(rows, [height, width, filters])


def conv1x1(x: tf.Tensor, matrix: tf.Tensor, bias: tf.Tensor | None = None) -> tf.Tensor:
    """Returns x_ij M + b at every pixel: x `[B, H, W, C]`, M `[C, F]`, b `[F]`."""
    rows = tf.matmul(tf.reshape(x, [-1, x.shape[-1]]), matrix)
    if bias is not None:  # here, since TensorFlow makes one operation of both only where nothing is between them
        rows = tf.nn.bias_add(rows, bias)
    return tf.reshape(rows, [-1, *x.shape[1:3], matrix.shape[-1]])


def _choose(kernel: tf.Tensor, seen: np.ndarray) -> tf.Tensor:
    """Returns these taps of a kernel `[k, k, C, F]`, `[n, C, F]`."""
    size, _, channels, filters = kernel.shape
    if len(seen) == size**2:
        return tf.reshape(kernel, [size**2, channels, filters])
    # `tf.gather` would do, but for its gradient, which has places beside its numbers.
    chosen = tf.constant(np.eye(size**2)[seen], kernel.dtype)
    return tf.reshape(tf.matmul(chosen, tf.reshape(kernel, [size**2, -1])), [len(seen), channels, filters])


def _convolve_few(x: tf.Tensor, taps: tf.Tensor, size: int, seen: np.ndarray) -> tf.Tensor:
    """Of few channels: the neighbours of each pixel side by side, times a matrix."""
    _, channels, filters = taps.shape
    numbers = _neighbours(x.shape[1], x.shape[2], size)[:, seen]

    @custom_gradient
    def convolved(x: tf.Tensor, taps: tf.Tensor) -> Any:
        columns = _gather(_with_ones(x, channels), numbers)
        y = tf.matmul(columns, tf.reshape(taps, [-1, filters]))

        def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            dy = tf.reshape(dy, [-1, filters])
            matrix = tf.reshape(taps[:, : x.shape[-1]], [-1, filters])
            dx = _add(tf.matmul(dy, matrix, transpose_b=True), numbers, x)
            return dx, tf.reshape(tf.matmul(columns, dy, transpose_a=True), taps.shape)

        return tf.reshape(y, [-1, *x.shape[1:3], filters]), gradient

    return convolved(x, taps)


def _convolve_to_few(x: tf.Tensor, taps: tf.Tensor, size: int, seen: np.ndarray) -> tf.Tensor:
    """To few filters: the products of each pixel with all taps, each added where its tap puts it."""
    count, channels, filters = taps.shape
    # Backwards: a pixel is the left neighbour of that to its right.
    numbers = _neighbours(x.shape[1], x.shape[2], size)[:, ::-1][:, seen]

    @custom_gradient
    def convolved(x: tf.Tensor, taps: tf.Tensor) -> Any:
        matrix = tf.reshape(tf.transpose(taps, [1, 0, 2]), [channels, count * filters])
        rows = tf.reshape(x, [-1, channels])
        y = _add(tf.matmul(rows, matrix), numbers, x)

        def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            # Every gradient pairs a pixel of x with the outputs that it entered: gather these, they are few.
            columns = _gather(tf.ensure_shape(dy, y.shape), numbers)  # which gradients in another loop may have lost
            dx = tf.reshape(tf.matmul(columns, matrix, transpose_b=True), tf.shape(x))
            dmatrix = tf.matmul(columns, rows, transpose_a=True)
            return dx, tf.transpose(tf.reshape(dmatrix, [count, filters, channels]), [0, 2, 1])

        return y, gradient

    return convolved(x, taps)


def _with_ones(x: tf.Tensor, channels: int) -> tf.Tensor:
    """Returns x with a channel of ones, unless it has so many channels already."""
    return tf.concat([x, tf.ones_like(x[..., :1])], -1) if channels > x.shape[-1] else x


def _neighbours(height: int, width: int, size: int) -> np.ndarray:
    """Returns the numbers, from 1, of the size² pixels around each pixel of an image, `[H·W, size²]`; 0 outside."""
    pixels = np.arange(1, height * width + 1, dtype=np.int32).reshape(height, width)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(pixels, size // 2), [size, size])
    return around.reshape(-1, size**2)


def _gather(x: tf.Tensor, numbers: np.ndarray) -> tf.Tensor:
    """Returns, for each pixel of x, those with these numbers side by side, `[B·H·W, n·C]`: zeros for 0."""
    pixels = tf.pad(tf.reshape(x, [-1, len(numbers), x.shape[-1]]), [[0, 0], [1, 0], [0, 0]])
    return tf.reshape(tf.gather(pixels, numbers, axis=1), [-1, numbers.shape[1] * x.shape[-1]])


def _add(columns: tf.Tensor, numbers: np.ndarray, like: tf.Tensor) -> tf.Tensor:
    """Adds what `columns` have for each pixel to images `[B, H, W, …]` of the size of others: `_gather`'s transpose."""
    images, (height, width) = tf.shape(like)[0], like.shape[1:3]
    # Of all images, from 0. Computed, since as a constant of the graph it took 0.5 MB an image; negative is left out.
    places = np.where(numbers > 0, numbers - 1, np.int32(-(2**30))) + len(numbers) * tf.range(images)[:, None, None]
    columns = tf.reshape(columns, [-1, *numbers.shape, columns.shape[1] // numbers.shape[1]])
    pixels = tf.math.unsorted_segment_sum(columns, places, images * len(numbers))
    return tf.reshape(pixels, [-1, height, width, columns.shape[-1]])
