"""From pixels to real numbers and back."""

import numpy as np
import tensorflow as tf

PHILOX = 1  # tf.random's number for the algorithm


def uniform_noise(
    shape: tuple[int, ...], seed: tf.Tensor | int, first: tf.Tensor | int, stream: tf.Tensor | int = 0
) -> tf.Tensor:
    """Returns u ~ U[0, 1), float32 `shape` = [B, …], for the examples `first`, …, `first` + B − 1.

    An example's noise depends on `seed`, `stream` and its own number alone: whatever the batch size and
    however many workers share the examples, it is the same. Each example has its own interval of the
    counter of the Philox generator (Salmon et al. 2011), which gives four numbers a count.

    Raises:
      ValueError: if the axes of shape after the first don't multiply to a multiple of 4.
    """
    numbers = tf.TensorShape(shape[1:]).num_elements()
    if numbers % 4:
        raise ValueError(f"an example must have a multiple of 4 numbers, got the shape {tuple(shape[1:])}")
    # Bits of the generator itself: what tf.random makes of seeds and floats differs between XLA and the CPU kernels.
    key = tf.cast(tf.reshape(seed, [1]), tf.uint64)
    count = tf.cast(first, tf.int64) * (numbers // 4)
    counter = tf.cast(tf.stack([count, tf.cast(stream, tf.int64)]), tf.uint64)
    bits = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=shape, key=key, counter=counter, alg=PHILOX, dtype=tf.uint32
    )
    return tf.cast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.float32) * 2.0**-24


def dequantize(images: tf.Tensor, noise: tf.Tensor, n_bits: int) -> tf.Tensor:
    """Returns x = (level + noise) / 2^n_bits in [0, 1), in the noise's dtype.

    Args:
      images: uint8 `[B, H, W, C]`; of each pixel the `n_bits` highest bits are its level.
      noise: in [0, 1), the shape of images, or a scalar: ½ for the middle of each level.
      n_bits: 1 to 8.
    """
    levels = tf.bitwise.right_shift(images, tf.constant(8 - n_bits, images.dtype))
    x = (tf.cast(levels, noise.dtype) + noise) / 2.0**n_bits
    below_1 = np.nextafter(1.0, 0.0, dtype=noise.dtype.as_numpy_dtype)  # the highest level and much noise round to 1
    return tf.minimum(x, below_1)


def quantize(x: tf.Tensor, n_bits: int) -> tf.Tensor:
    """Returns uint8 images of x: the levels floor(x·2^n_bits), within range, spread evenly over 0 to 255."""
    top = 2.0**n_bits - 1.0
    levels = tf.clip_by_value(tf.floor(x * (top + 1.0)), 0.0, top)
    return tf.cast(tf.round(levels * (255.0 / top)), tf.uint8)


def images_of(x: tf.Tensor, n_bits: int) -> tf.Tensor:
    """Returns `quantize` of x `[B, H, W, C]`, and in place of images that aren't finite what no image is."""
    finite = tf.reduce_all(tf.math.is_finite(x), axis=[1, 2, 3], keepdims=True)
    return tf.where(finite, quantize(x, n_bits), no_image(*x.shape[1:]))


def no_image(height: int, width: int, channels: int) -> np.ndarray:
    """Returns a checkerboard of 4×4 fields, uint8 `[H, W, C]`: black and, of three channels, magenta."""
    fields = np.add.outer(np.arange(height) * 4 // height, np.arange(width) * 4 // width) % 2
    colour = 255 * (np.arange(channels) % 2 == 0)
    return (fields[..., None] * colour).astype(np.uint8)
