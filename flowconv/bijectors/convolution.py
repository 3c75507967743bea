"""Stride-1 convolutions that are as fast backward as they are forward."""

import tensorflow as tf


def convolve(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns the convolution of x `[B, H, W, C]` with a kernel `[k, k, C, F]`, k odd, of the same H and W.

    It is `tf.nn.conv2d`, computed differently where oneDNN is slow on CPUs (measured at width 128 and 512,
    forward and backward): 1×1 as a product of matrices, up to 4 times faster, and kernels with fewer filters than
    channels as products of matrices too, their gradients about 4 times faster.
    """
    if kernel.shape[0] == kernel.shape[1] == 1:
        return pixelwise(x, kernel[0, 0])
    if kernel.shape[3] < kernel.shape[2] and not tf.config.get_visible_devices("GPU"):
        return _convolve_to_few(x, kernel)
    return tf.nn.conv2d(x, kernel, 1, "SAME")


@tf.custom_gradient
def _convolve_to_few(x, kernel):
    size, _, channels, filters = kernel.shape
    taps = tf.reshape(tf.transpose(kernel, [2, 0, 1, 3]), [channels, size**2 * filters])
    fewest = 2 * size**2 * filters <= channels
    y = _add_taps(pixelwise(x, taps), size) if fewest else tf.nn.conv2d(x, kernel, 1, "SAME")

    def gradient(dy):
        # Every gradient pairs a pixel of x with the k×k outputs that it entered: gather these, they are few.
        height, width = x.shape[1:3]
        last, border = size - 1, size // 2
        padded = tf.pad(dy, [[0, 0], [border, border], [border, border], [0, 0]])
        windows = [
            padded[:, last - i : last - i + height, last - j : last - j + width]
            for i in range(size)
            for j in range(size)
        ]
        columns = tf.reshape(tf.concat(windows, axis=-1), [-1, size**2 * filters])
        dx = tf.reshape(tf.matmul(columns, taps, transpose_b=True), tf.shape(x))
        dtaps = tf.matmul(tf.reshape(x, [-1, channels]), columns, transpose_a=True)
        return dx, tf.transpose(tf.reshape(dtaps, [channels, size, size, filters]), [1, 2, 0, 3])

    return y, gradient


def pixelwise(x: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """Returns x_ij M at every pixel: x `[B, H, W, C]`, M `[C, F]`."""
    rows = tf.matmul(tf.reshape(x, [-1, x.shape[-1]]), matrix)
    return tf.reshape(rows, [-1, *x.shape[1:3], matrix.shape[-1]])


def _add_taps(products, size):
    """Adds the products with all taps, side by side in the channels, each moved to where its tap puts it."""

    def moved(product, i, j):
        rows, above = _overlap(product.shape[1], size // 2 - i)
        columns, left = _overlap(product.shape[2], size // 2 - j)
        return tf.pad(product[:, rows, columns], [[0, 0], above, left, [0, 0]])

    each = tf.split(products, size**2, axis=-1)
    return tf.add_n([moved(each[size * i + j], i, j) for i in range(size) for j in range(size)])


def _overlap(length, offset):
    """What of an axis stays inside when it moves by `offset`, and the zeros (before, after) that take the place."""
    return slice(max(0, -offset), length - max(0, offset)), (max(0, offset), max(0, -offset))
