"""The channels in a random order."""

from typing import Any

import numpy as np
import tensorflow as tf

from flowconv.bijectors.reshape.permutation import Permutation
from flowconv.core.weights import RandomInitializer


class Shuffle(Permutation):
    """y_c = x_π(c) with a permutation that is drawn once and then fixed (Kingma & Dhariwal 2018, section 3.2).

    Example:
      >>> from flowconv.bijectors import Shuffle
      >>> layer = Shuffle()
      >>> layer.build((None, 1, 1, 4))
      >>> layer.reset_weights(seed=0)
      >>> sorted(layer.order.numpy().tolist())
      [0, 1, 2, 3]
    """

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.order = self.add_weight(
            shape=(input_shape[-1],),
            initializer=_RandomPermutation(),
            dtype="int32",
            trainable=False,
            name="permutation",
        )

    def permutation(self, channels: int) -> np.ndarray:
        return self.order.value


class _RandomPermutation(RandomInitializer):
    """A random order of 0, …, C − 1; in order at construction."""

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> tf.Tensor:
        return tf.range(shape[0], dtype=dtype)

    def draw(self, shape: tuple[int, ...], dtype: Any, seed: int) -> tf.Tensor:
        return tf.constant(np.random.default_rng(seed).permutation(shape[0]), dtype)
