"""The normal base distribution."""

import math
from collections.abc import Sequence

import tensorflow as tf

from flowconv.models.base_distribution import BaseDistribution


class StandardNormal(BaseDistribution):
    """N(0, I) over all latents of a flow."""

    def log_prob(self, latents: Sequence[tf.Tensor]) -> tf.Tensor:
        dimensions = sum(math.prod(z.shape[1:]) for z in latents)
        squares = sum(tf.reduce_sum(z**2, axis=list(range(1, z.shape.rank))) for z in latents)
        return -0.5 * (squares + dimensions * math.log(2.0 * math.pi))

    def draw(self, shape: tuple[int, ...], seed: Sequence[int | tf.Tensor], dtype: str) -> tf.Tensor:
        return tf.random.stateless_normal(shape, seed, dtype=dtype)
