"""Inverses by substitution, which know when rounding has spoilt them."""

import numpy as np
import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.bijectors.side_by_side import shared
from flowconv.bijectors.wavefront import TriangularSystem, substitute_back

ERROR_LIMIT = 6e-4  # of the error of all numbers of x together, by the size of one
PROBES = 3  # random images, with which errors are estimated


class SolvedBySubstitution(Bijector):
    """A linear map y = f(x) of one or more triangular systems. A layer writes `systems`."""

    def systems(self) -> list[TriangularSystem]:
        """Returns the systems in the order of `forward`."""
        raise NotImplementedError

    def solve(self, y: tf.Tensor) -> tf.Tensor:
        """Returns x = f⁻¹(y), with NaN in each example that rounding has spoilt.

        The residual f(x) − y can't tell: substitution leaves a small one however wrong x is. The error of x is f⁻¹(δ),
        each δ_i about y_i times the machine's precision. With random images v ~ N(0, I) and w = f⁻ᵀ(v), v·f⁻¹(δ) is
        w·δ, whose mean square Σ_i w_i² δ_i² is that of the error. So a few v tell for all examples.
        """
        x = substitute_back(y, self.systems()[::-1])
        w = self._probes(tuple(y.shape[1:]))
        squares = tf.matmul(_numbers(y) ** 2, _numbers(w) ** 2, transpose_b=True)
        error = np.finfo(y.dtype.as_numpy_dtype).eps * tf.sqrt(tf.reduce_mean(squares, axis=1))
        right = error <= ERROR_LIMIT * tf.sqrt(tf.reduce_mean(_numbers(x) ** 2, axis=1))  # (false for NaN)
        return tf.where(right[:, None, None, None], x, tf.constant(float("nan"), x.dtype))

    @shared(constant=True)
    def _probes(self, shape):
        """f⁻ᵀ(v) of a few random images v of this shape."""
        v = tf.random.stateless_normal([PROBES, *shape], [0, 0], dtype=self.variable_dtype)
        return substitute_back(v, [system.transposed() for system in self.systems()])


def _numbers(x):
    """Returns x `[B, H, W, C]` as `[B, H·W·C]`."""
    return tf.reshape(x, [-1, x.shape[1] * x.shape[2] * x.shape[3]])
