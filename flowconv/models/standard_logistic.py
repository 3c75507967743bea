"""NICE's base distribution."""

import math
from collections.abc import Sequence

import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.serialization import Configured


class StandardLogistic(Configured):
    """The logistic distribution of each number of all latents: log p(z) = −log(1 + exp(z)) − log(1 + exp(−z)).

    References:
      Dinh, Krueger, Bengio 2015, "NICE: Non-linear Independent Components Estimation".
    """

    def log_prob(self, latents: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns log p(latents), `[B]`, nats."""
        each = (tf.math.log_sigmoid(z) + tf.math.log_sigmoid(-z) for z in latents)
        return sum(tf.reduce_sum(values, axis=list(range(1, values.shape.rank))) for values in each)

    def sample(
        self,
        n: int,
        shapes: Sequence[tuple[int, ...]],
        dtype: str,
        temperature: float | tf.Tensor = 1.0,
        seed: int | tf.Tensor = 0,
    ) -> list[tf.Tensor]:
        """Returns n draws times the temperature: `[n, *shape]` for each of the shapes.

        Raises:
          ValueError: if n is below 1, the temperature below 0, or the seed no whole number.
        """
        arguments.number(n, lambda n: n >= 1 and n == int(n), "n", "a whole number of at least 1")
        arguments.number(temperature, lambda t: 0.0 <= t < math.inf, "temperature", "a finite number of at least 0")
        arguments.number(seed, lambda seed: seed == int(seed), "seed", "a whole number")
        least = {"minval": 1e-7, "maxval": 1.0 - 1e-7}  # in float32, too, neither 0 nor 1
        uniform = (
            tf.random.stateless_uniform((n, *shape), [seed, number], dtype=dtype, **least)
            for number, shape in enumerate(shapes)
        )
        return [temperature * (tf.math.log(u) - tf.math.log1p(-u)) for u in uniform]
