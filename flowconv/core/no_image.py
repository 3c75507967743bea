"""Pictures in the place of images that aren't finite."""

import numpy as np
import tensorflow as tf


def where_finite(x: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Returns uint8 images `[B, H, W, C]`, but what no image is where a number of the image's x isn't finite."""
    finite = tf.reduce_all(tf.math.is_finite(x), axis=[1, 2, 3], keepdims=True)
    return tf.where(finite, images, no_image(*x.shape[1:]))


def no_image(height: int, width: int, channels: int) -> np.ndarray:
    """Returns a checkerboard of 4×4 fields, uint8 `[H, W, C]`: black and, of three channels or four, magenta."""
    fields = np.add.outer(np.arange(height) * 4 // height, np.arange(width) * 4 // width) % 2
    colour = 255 * (np.arange(channels) % 2 == 0)
    return opaque((fields[..., None] * colour).astype(np.uint8))


def opaque(images: np.ndarray) -> np.ndarray:
    """Returns uint8 images `[…, C]` without any transparency, which the last of two or four channels is."""
    if images.shape[-1] in (2, 4):
        images[..., -1] = 255
    return images
