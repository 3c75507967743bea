"""Features of images that need no download: means over the positions of a convolutional network with random weights."""

import numpy as np
import tensorflow as tf

WIDTHS = (32, 64, 128, 256)  # channels of its layers, of which all but the first halve the image
SEED = 0  # of the weights: the same for everybody


def random_features(images: np.ndarray, batch_size: int = 128) -> np.ndarray:
    """Returns features of uint8 images `[N, H, W, C]`, float64 `[N, 480]`.

    Such features tell colours, edges and textures at four scales apart, not what is to be seen. Distances between sets
    of them are a measure of samples where a trained network is of no use or not to be had. They are not comparable with
    those of Inception's features.

    References:
      Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models", section 4.
    """
    kernels = _kernels(images.shape[-1])
    parts = [_features(tf.constant(images[at : at + batch_size]), kernels) for at in range(0, len(images), batch_size)]
    return np.concatenate(parts).astype(np.float64)


def _kernels(channels):
    """3×3 kernels that keep the size of numbers, as drawn by NumPy, which draws the same on any machine."""
    random = np.random.default_rng(SEED)
    shapes = [(3, 3, before, after) for before, after in zip((channels, *WIDTHS[:-1]), WIDTHS, strict=True)]
    return [random.normal(0.0, np.sqrt(2.0 / np.prod(shape[:3])), shape).astype(np.float32) for shape in shapes]


def _features(images, kernels):
    x, means = tf.cast(images, tf.float32) / 127.5 - 1.0, []
    for number, kernel in enumerate(kernels):
        x = tf.nn.relu(tf.nn.conv2d(x, kernel, 2 if number else 1, "SAME"))
        means.append(tf.reduce_mean(x, axis=(1, 2)))
    return tf.concat(means, axis=1).numpy()
