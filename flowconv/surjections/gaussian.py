"""Gaussian noise in training."""

from typing import Any

import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.inputs import Inputs
from flowconv.ops.shapes import batch_size, per_example
from flowconv.surjections.uniform import UniformDequantization


class GaussianNoise(UniformDequantization):
    """x = (level + ½) / 2^n_bits + σ·ε with ε ~ N(0, 1) in training, and uniform noise otherwise (Zhai et al. 2024).

    In training the flow learns the density of noisy images, as TarFlow does for its samples, which are noisy, too. The
    figure of training is −log₂ of that density over the numbers of an image. It is no bound on the bits/dim of images
    of bytes, since x leaves the cell of its level, and it falls with less noise. Everywhere else noise is uniform
    within the cell, so that the bits/dim of validation and test are upper bounds as ever. They are those of a density
    that was trained on other, noisier images.

    Args:
      n_bits: bits that are kept of each uint8 number.
      noise_deviation: σ, of pixels in [0, 1), above 0. TarFlow's 0.05 of pixels in [−1, 1] is 0.025.

    Raises:
      ValueError: for another σ.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Inputs, Seed
      >>> from flowconv.surjections.gaussian import GaussianNoise
      >>> layer, images = GaussianNoise(noise_deviation=0.1), tf.zeros([2, 4, 4, 3], tf.uint8)
      >>> x, log_density = layer.forward_and_log_density(images, Inputs(seed=Seed(0), training=True))
      >>> bool(tf.reduce_any(x < 0.0))
      True

    References:
      Zhai et al. 2024, "Normalizing Flows are Capable Generative Models".
    """

    training_unit = "bits/dim of noisy images"
    training_figure = "bits_per_dim_of_noisy_images"
    leaves_cells = True

    def __init__(self, n_bits: int = 8, noise_deviation: float = 0.025, **kwargs: Any):
        super().__init__(n_bits, **kwargs)
        arguments.number(noise_deviation, lambda sigma: 0.0 < sigma <= 1.0, "noise_deviation", "within (0, 1]")
        self.noise_deviation = noise_deviation

    def forward_and_log_density(self, images: tf.Tensor, inputs: Inputs) -> tuple[tf.Tensor, tf.Tensor]:
        if not inputs.training:
            return super().forward_and_log_density(images, inputs)
        noise = tf.cast(self.seed_of(inputs).normal((batch_size(images), *images.shape[1:])), self.compute_dtype)
        x = self.add(images, tf.constant(0.5, self.compute_dtype)) + self.noise_deviation * noise
        return x, per_example(0.0, x)
