"""Uniform dequantization."""

import tensorflow as tf

from flowconv.core.dequantization import Dequantization
from flowconv.core.inputs import Inputs
from flowconv.ops.shapes import batch_size, per_example


class UniformDequantization(Dequantization):
    """x = (level + u) / 2^n_bits with u ~ U[0, 1): log q(u | image) = 0 (Theis et al. 2016).

    Args:
      n_bits: bits that are kept of each uint8 number.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Inputs, Seed
      >>> from flowconv.surjections.uniform import UniformDequantization
      >>> layer, images = UniformDequantization(), tf.fill([2, 4, 4, 3], tf.constant(200, tf.uint8))
      >>> x, log_density = layer.forward_and_log_density(images, Inputs(seed=Seed(0)))
      >>> bool(tf.reduce_all(layer.inverse(x) == images))
      True

    References:
      Theis, van den Oord, Bethge 2016, "A note on the evaluation of generative models".
    """

    noise = "uniform"

    def forward_and_log_density(self, images: tf.Tensor, inputs: Inputs) -> tuple[tf.Tensor, tf.Tensor]:
        noise = self.seed_of(inputs).uniform((batch_size(images), *images.shape[1:]))
        x = self.add(images, tf.cast(noise, self.compute_dtype))
        return x, per_example(0.0, x)
