"""The channels in a random order."""

import keras
import numpy as np
import tensorflow as tf

from flowconv.bijectors.initialization import default_seed
from flowconv.bijectors.permutation import Permutation


class Shuffle(Permutation):
    """y_c = x_π(c) with a permutation that is drawn once and then fixed (Kingma & Dhariwal 2018, section 3.2)."""

    def build(self, input_shape):
        self.order = self.add_weight(
            shape=(input_shape[-1],),
            initializer=_RandomPermutation(),
            dtype="int32",
            trainable=False,
            name="permutation",
        )

    def permutation(self, channels):
        return self.order.value


class _RandomPermutation(keras.initializers.Initializer):
    """A random order of 0, …, C − 1."""

    def __init__(self, seed=None):
        self.seed = default_seed() if seed is None else seed

    def get_config(self):
        return {"seed": self.seed}

    def __call__(self, shape, dtype=None):
        return tf.constant(np.random.default_rng(self.seed).permutation(shape[0]), dtype)
