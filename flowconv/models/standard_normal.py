"""The normal base distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import tensorflow as tf

from flowconv.models.base_distribution import BaseDistribution

if TYPE_CHECKING:
    import tensorflow_probability as tfp


class StandardNormal(BaseDistribution):
    """N(0, I) over all latents of a flow.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.models import StandardNormal
      >>> round(float(StandardNormal().log_prob([tf.zeros([1, 1, 1, 1])])[0]), 4)
      -0.9189
    """

    def log_prob(self, latents: Sequence[tf.Tensor]) -> tf.Tensor:
        dimensions = sum(math.prod(z.shape[1:]) for z in latents)
        squares = sum(tf.reduce_sum(z**2, axis=list(range(1, z.shape.rank))) for z in latents)
        return -0.5 * (squares + dimensions * math.log(2.0 * math.pi))

    def draw(self, shape: tuple[int | tf.Tensor, ...], seed: Sequence[int | tf.Tensor], dtype: str) -> tf.Tensor:
        return tf.random.stateless_normal(shape, seed, dtype=dtype)

    def as_tfp(self, dimensions: int, dtype: str) -> tfp.distributions.Distribution:
        from flowconv.ops.tfp import tfd

        zeros = tf.zeros([dimensions], dtype)
        return tfd.MultivariateNormalDiag(loc=zeros, scale_diag=tf.ones_like(zeros))
