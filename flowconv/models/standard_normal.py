"""The base distribution."""

import math
from collections.abc import Sequence

import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.serialization import Configured


class StandardNormal(Configured):
    """N(0, I) over all latents of a flow."""

    def log_prob(self, latents: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns log N(latents; 0, I), `[B]`, nats."""
        dimensions = sum(math.prod(z.shape[1:]) for z in latents)
        squares = sum(tf.reduce_sum(z**2, axis=list(range(1, z.shape.rank))) for z in latents)
        return -0.5 * (squares + dimensions * math.log(2.0 * math.pi))

    def sample(
        self,
        n: int,
        shapes: Sequence[tuple[int, ...]],
        dtype: str,
        temperature: float | tf.Tensor = 1.0,
        seed: int | tf.Tensor = 0,
    ) -> list[tf.Tensor]:
        """Returns n draws from N(0, temperature²·I): `[n, *shape]` for each of the shapes.

        Raises:
          ValueError: if n is below 1, the temperature below 0, or the seed no whole number.
        """
        arguments.number(n, lambda n: n >= 1 and n == int(n), "n", "a whole number of at least 1")
        arguments.number(temperature, lambda t: 0.0 <= t < math.inf, "temperature", "a finite number of at least 0")
        arguments.number(seed, lambda seed: seed == int(seed), "seed", "a whole number")
        return [
            temperature * tf.random.stateless_normal((n, *shape), [seed, number], dtype=dtype)
            for number, shape in enumerate(shapes)
        ]
