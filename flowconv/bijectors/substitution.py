"""Inverses by substitution, which know when rounding has spoilt them."""

import numpy as np
import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.ops.batch_parallel import concat_batch, slice_sizes, split_batch
from flowconv.ops.triangular_solve import TriangularSystem, solve

ERROR_LIMIT = 4e-4  # of the error of all numbers of x together, by the size of one
PROBES = 2  # images of noise, with which errors are estimated


class SolvedBySubstitution(Bijector):
    """A linear map y = f(x) of one or more triangular systems. A layer writes `systems`."""

    def systems(self) -> list[TriangularSystem]:
        """Returns the systems in the order of `forward`."""
        raise NotImplementedError

    def solve(self, y: tf.Tensor) -> tf.Tensor:
        """Returns x = f⁻¹(y), with NaN in each example that rounding has spoilt.

        The residual f(x) − y can't tell: substitution leaves a small one however wrong x is. The error of x is f⁻¹(δ),
        with δ about y times the machine's precision. How much f⁻¹ enlarges noise is seen from images v ~ N(0, I), which
        are solved together with y: in the same operations, since an inverse of a few images takes as many. Each half of
        the batch is solved for itself, with one of them: side by side, from the first to the last operation.
        """
        count = min(PROBES, y.shape[0] or 1)
        v = tf.random.stateless_normal([PROBES, *y.shape[1:]], [0, 0], dtype=y.dtype)
        parts = split_batch(y, slice_sizes(y.shape[0], count))
        together = [tf.concat(pair, axis=0) for pair in zip(parts, tf.split(v, count), strict=True)]
        solved = [tf.split(x, [-1, PROBES // count]) for x in solve(together, self.systems())]
        enlarged = tf.sqrt(tf.add_n([tf.reduce_sum(of_noise**2) for _, of_noise in solved]) / PROBES)
        error = np.finfo(y.dtype.as_numpy_dtype).eps * enlarged
        checked = [_checked(x, error * _size(part), part) for (x, _), part in zip(solved, parts, strict=True)]
        return concat_batch(checked)


def _checked(x: tf.Tensor, error: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Returns x of y, with NaN in each example of which this error is too large."""
    right = error <= ERROR_LIMIT * _size(x)  # (false for NaN)
    # Added, not chosen by `tf.where`: x itself is not needed for its gradient, and left out where only that is.
    spoilt = tf.where(right, tf.zeros([], x.dtype), tf.constant(float("nan"), x.dtype))
    return tf.ensure_shape(x, y.shape) + tf.stop_gradient(spoilt)


def _size(x: tf.Tensor) -> tf.Tensor:
    """The root of the mean square of each example's numbers, `[B, 1, 1, 1]`."""
    return tf.sqrt(tf.reduce_mean(x**2, axis=[1, 2, 3], keepdims=True))
