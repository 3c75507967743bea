"""A matrix that is nearly the identity at first."""

from typing import Any

import keras
import tensorflow as tf

from flowconv.bijectors.matrices.direct import DirectMatrix
from flowconv.core.weights import RandomInitializer


class NearIdentityMatrix(DirectMatrix):
    """W is the variable, I + 0.001·N(0, 1) at first: that of Flow++'s pointwise convolutions (Ho et al. 2019).

    As a direct one, nothing keeps W from drifting towards a singular matrix: watch its condition number.
    Cost of determinant and inverse: O(C³), in float64.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors.matrices.near_identity import NearIdentityMatrix
      >>> matrix = NearIdentityMatrix()
      >>> matrix.build((None, 4, 4, 3))
      >>> matrix.reset_weights(seed=0)
      >>> bool(tf.reduce_all(tf.abs(matrix.matrix() - tf.eye(3)) < 0.5))
      True
    """

    def initializer(self) -> RandomInitializer:
        return _NearIdentity(0.001)


class _NearIdentity(RandomInitializer):
    """I + deviation·N(0, 1); the identity at construction."""

    def __init__(self, deviation: float):
        super().__init__()
        self.deviation = deviation

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> tf.Tensor:
        return tf.eye(shape[-1], dtype=dtype)

    def draw(self, shape: tuple[int, ...], dtype: Any, seed: int) -> tf.Tensor:
        return self(shape, dtype) + keras.initializers.RandomNormal(0.0, self.deviation, seed=seed)(shape, dtype)
