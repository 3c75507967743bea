"""The matrix itself as the parameter."""

import keras
import tensorflow as tf

from flowconv.bijectors import numerics
from flowconv.bijectors.initialization import default_seed
from flowconv.bijectors.matrices.matrix import SquareMatrix, random_rotation


class RandomRotation(keras.initializers.Initializer):
    """A random rotation matrix."""

    def __init__(self, seed=None):
        self.seed = default_seed() if seed is None else seed

    def get_config(self):
        return {"seed": self.seed}

    def __call__(self, shape, dtype=None):
        return tf.constant(random_rotation(shape[-1], self.seed), dtype)


class DirectMatrix(SquareMatrix):
    """W is the variable, a random rotation at first (Kingma & Dhariwal 2018; Truong et al. 2021).

    Nothing keeps W from drifting towards a singular matrix: watch its condition number.
    Cost of determinant and inverse: O(C³), in float64.
    """

    def build(self, input_shape):
        channels = input_shape[-1]
        self.weight = self.add_weight(shape=(channels, channels), initializer=RandomRotation(), name="weight")

    def matrix(self):
        return self.weight.value

    def inverse_matrix(self):
        return numerics.inverse(self.weight.value)

    def log_abs_det(self):
        return numerics.log_abs_det(self.weight.value)
