"""The base distribution of a flow."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING

import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.serialization import Configured

if TYPE_CHECKING:
    import tensorflow_probability as tfp


class BaseDistribution(Configured):
    """A distribution of all latents of a flow, each number of which is independent of the others."""

    def log_prob(self, latents: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns log p(latents), `[B]`, nats."""
        raise NotImplementedError

    def draw(self, shape: tuple[int | tf.Tensor, ...], seed: Sequence[int | tf.Tensor], dtype: str) -> tf.Tensor:
        """Returns draws of single numbers, those that a stateless seed has."""
        raise NotImplementedError

    def as_tfp(self, dimensions: int, dtype: str) -> tfp.distributions.Distribution:
        """Returns the distribution of all latents as one vector `[dimensions]`."""
        raise NotImplementedError

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
        arguments.whole(1, n=n)
        arguments.number(temperature, lambda t: 0.0 <= t < math.inf, "temperature", "a finite number of at least 0")
        arguments.number(seed, lambda seed: operator.index(seed) == seed, "seed", "a whole number")
        return [temperature * self.draw((n, *shape), [seed, number], dtype) for number, shape in enumerate(shapes)]
