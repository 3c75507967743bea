"""NICE's base distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import tensorflow as tf

from flowconv.models.base_distribution import BaseDistribution

if TYPE_CHECKING:
    import tensorflow_probability as tfp


class StandardLogistic(BaseDistribution):
    """The logistic distribution of each number of all latents: log p(z) = −log(1 + exp(z)) − log(1 + exp(−z)).

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.models import StandardLogistic
      >>> round(float(StandardLogistic().log_prob([tf.zeros([1, 1, 1, 1])])[0]), 4)
      -1.3863

    References:
      Dinh, Krueger, Bengio 2015, "NICE: Non-linear Independent Components Estimation".
    """

    def log_prob(self, latents: Sequence[tf.Tensor]) -> tf.Tensor:
        each = (tf.math.log_sigmoid(z) + tf.math.log_sigmoid(-z) for z in latents)
        return sum(tf.reduce_sum(values, axis=list(range(1, values.shape.rank))) for values in each)

    def draw(self, shape: tuple[int | tf.Tensor, ...], seed: Sequence[int | tf.Tensor], dtype: str) -> tf.Tensor:
        # In float32, too, neither 0 nor 1.
        u = tf.random.stateless_uniform(shape, seed, minval=1e-7, maxval=1.0 - 1e-7, dtype=dtype)
        return tf.math.log(u) - tf.math.log1p(-u)

    def as_tfp(self, dimensions: int, dtype: str) -> tfp.distributions.Distribution:
        from flowconv.ops.tfp import tfd

        zeros = tf.zeros([dimensions], dtype)
        return tfd.Independent(tfd.Logistic(zeros, tf.ones_like(zeros)), 1)
