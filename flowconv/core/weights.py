"""Weights that are drawn when they are asked for, from one seed."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

_order = itertools.count()


class RandomInitializer(keras.initializers.Initializer):
    """Random values of a variable, which `reset_weights` draws; construction sets others, which are not random.

    A subclass writes `draw`. Variables whose initializers have one `source` are drawn from the same seed.

    Args:
      source: another initializer (default: this one).
    """

    def __init__(self, source: RandomInitializer | None = None):
        self.source = source or self
        self.order = next(_order)  # of its construction: seeds are given out in it

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> tf.Tensor:
        """Returns the values at construction: zeros, unless a subclass says otherwise."""
        return tf.zeros(shape, dtype)

    def draw(self, shape: tuple[int, ...], dtype: Any, seed: int) -> tf.Tensor:
        """Returns the values that belong to a seed."""
        raise NotImplementedError

    def draw_stack(self, shape: tuple[int, ...], dtype: Any, seed: int) -> tf.Tensor:
        """Returns `[K, …]`: the values of each of the K steps of a depth loop, from a seed of its own."""
        seeds = np.random.SeedSequence(seed).generate_state(shape[0]) >> 1  # within int32
        return tf.stack([self.draw(shape[1:], dtype, int(seed)) for seed in seeds])


class Normal(RandomInitializer):
    """N(0, deviation²)."""

    def __init__(self, deviation: float):
        super().__init__()
        self.deviation = deviation

    def draw(self, shape: tuple[int, ...], dtype: Any, seed: int) -> tf.Tensor:
        return keras.initializers.RandomNormal(0.0, self.deviation, seed=seed)(shape, dtype)

    draw_stack = draw  # of one deviation whatever the shape


class Uniform(RandomInitializer):
    """Uniform on [−limit, limit]."""

    def __init__(self, limit: float):
        super().__init__()
        self.limit = limit

    def draw(self, shape: tuple[int, ...], dtype: Any, seed: int) -> tf.Tensor:
        return keras.initializers.RandomUniform(-self.limit, self.limit, seed=seed)(shape, dtype)

    draw_stack = draw  # within one limit whatever the shape: XLA compiles a draw for a second


class KerasInitializer(RandomInitializer):
    """One of Keras' random initializers; at construction its values are Keras' own."""

    def __init__(self, initializer: keras.initializers.Initializer):
        super().__init__()
        self.initializer = initializer

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> tf.Tensor:
        return self.initializer(shape, dtype)

    def draw(self, shape: tuple[int, ...], dtype: Any, seed: int) -> tf.Tensor:
        config = self.initializer.get_config() | {"seed": seed}
        return type(self.initializer).from_config(config)(shape, dtype)


class PerStep(keras.initializers.Initializer):
    """Values that are not random, and others in each step of a depth loop; those of the first one outside of a loop.

    Args:
      value: returns the values in a step, by its number.
    """

    def __init__(self, value: Callable[[int], tf.Tensor]):
        self.value = value

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> tf.Tensor:
        return tf.cast(self.value(0), dtype)

    def stack(self, shape: tuple[int, ...], dtype: Any = None) -> tf.Tensor:
        """Returns the values of K steps, `shape` being [K, …]."""
        return tf.stack([tf.cast(self.value(step), dtype) for step in range(shape[0])])


class Stacked(RandomInitializer):
    """The K values, `[K, …]`, of a variable of a step of a depth loop."""

    def __init__(self, initializer: RandomInitializer):
        super().__init__(initializer.source)
        self.initializer = initializer

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> tf.Tensor:
        value = self.initializer(shape[1:], dtype)
        return tf.broadcast_to(value, shape)

    def draw(self, shape: tuple[int, ...], dtype: Any, seed: int) -> tf.Tensor:
        return self.initializer.draw_stack(shape, dtype, seed)


def as_initializer(initializer: Any) -> Any:
    """Returns an initializer, or the name of one, as an object: a `RandomInitializer` if its values are random."""
    found = keras.initializers.get(initializer)
    random = isinstance(found, keras.initializers.Initializer) and not isinstance(found, RandomInitializer)
    return KerasInitializer(found) if random and "seed" in found.get_config() else found


def random_variables(variables: Iterable[keras.Variable]) -> list[keras.Variable]:
    """Returns those of the variables that are drawn."""
    return [each for each in variables if isinstance(getattr(each, "initializer", None), RandomInitializer)]


def reset_weights(variables: Iterable[keras.Variable], seed: int) -> None:
    """Draws the values of variables again, each source of randomness from a seed of its own."""
    drawn = random_variables(variables)
    sources = sorted({variable.initializer.source for variable in drawn}, key=lambda source: source.order)
    seeds = random.Random(seed)
    seed_of = {id(source): seeds.randint(1, 10**9) for source in sources}
    for variable in drawn:
        initializer = variable.initializer
        variable.assign(initializer.draw(tuple(variable.shape), variable.dtype, seed_of[id(initializer.source)]))
