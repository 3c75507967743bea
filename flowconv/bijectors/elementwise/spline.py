"""The transform of neural spline flows."""

import functools
import itertools
import math
import operator
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from flowconv.bijectors.transform import Transform
from flowconv.core import arguments
from flowconv.ops.log_scale import bounded
from flowconv.ops.shapes import sum_per_example

LEAST = 1e-3  # width and height of a bin, as shares of all, and slope at a knot


class Spline(Transform):
    """y is a monotone rational-quadratic spline of K bins within ±b, and x outside (Durkan et al. 2019).

    With ξ = (x − x_k)/w in a bin of width w and height h, σ = h/w, and slopes δ₀ and δ₁ at its ends, y = y_k +
    h·(σξ² + δ₀ξ(1 − ξ))/d, d = σ + (δ₁ + δ₀ − 2σ)ξ(1 − ξ). The parameters are K logits of widths, K of heights and
    K − 1 of inner slopes, in this order; at ±b the slope is 1. With parameters 0 it is the identity.

    Inverse: the root of a quadratic in ξ, in that form of two which does not cancel. An error grows by 1/slope at most:
    widths and heights are at least 1/1000 of all, and slopes at knots at least 1/1000. Log-determinant: Σ log dy/dx,
    with dy/dx = σ²·(δ₁ξ² + 2σξ(1 − ξ) + δ₀(1 − ξ)²)/d². Cost of both directions: some 20 operations on K times as many
    numbers as x has.

    Args:
      bins: K.
      bound: b. After an actnorm nearly all numbers are within ±3.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Spline
      >>> y, log_det = Spline(bins=4).forward_and_log_det(tf.fill([1, 2, 2, 3], 0.7), tf.zeros([1, 2, 2, 3 * 11]))
      >>> print(round(float(y[0, 0, 0, 0]), 4), abs(float(log_det[0])) < 1e-5)
      0.7 True

    References:
      Durkan, Bekasov, Murray, Papamakarios 2019, "Neural Spline Flows".
    """

    def __init__(self, bins: int = 8, bound: float = 3.0):
        arguments.number(bins, lambda n: 2 <= operator.index(n) <= 100, "bins", "a whole number from 2 to 100")
        arguments.number(bound, lambda b: 0.0 < b < math.inf, "bound", "above 0")
        self.bins = bins
        self.bound = bound
        self.parameters_per_dim = 3 * bins - 1

    def forward_and_log_det(self, x: tf.Tensor, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        is_inside, within = self._clipped(x)
        bins = self._bins(parameters)
        at = bins.around(within, bins.widths)
        xi = (within - at.left) / at.width
        y = at.bottom + at.height * at.numerator(xi) / at.denominator(xi)
        return self._joined(is_inside, y, x, at.log_slope(xi))

    def inverse_and_log_det(self, y: tf.Tensor, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        is_inside, within = self._clipped(y)
        bins = self._bins(parameters)
        at = bins.around(within, bins.heights)
        xi = at.root(within - at.bottom)
        return self._joined(is_inside, at.left + xi * at.width, y, -at.log_slope(xi))

    def _clipped(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns whether numbers are within the bound, and numbers that are: what isn't used is finite, too."""
        return tf.abs(x) < self.bound, tf.clip_by_value(x, -self.bound, self.bound)

    def _joined(
        self, is_inside: tf.Tensor, inside: tf.Tensor, outside: tf.Tensor, log_slope: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.where(is_inside, inside, outside), sum_per_example(tf.where(is_inside, log_slope, 0.0))

    def _bins(self, parameters: tf.Tensor) -> "_Bins":
        n = self.bins
        # A tensor of the shape of x for each parameter of a number. One for all, with an axis more, is simpler, but its
        # softmax and sums, along so short an axis, take three times as long.
        each = tf.split(parameters, self.parameters_per_dim, axis=-1)
        slopes = [1.0, *map(_slope, each[2 * n :]), 1.0]
        return _Bins(-self.bound, self._sizes(each[:n]), self._sizes(each[n : 2 * n]), slopes)

    def _sizes(self, logits: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Returns the shares of 2b whose logits these are, each of at least LEAST."""
        largest = tf.stop_gradient(functools.reduce(tf.maximum, logits))
        shares = [tf.exp(logit - largest) for logit in logits]
        rest = 2.0 * self.bound * (1.0 - len(logits) * LEAST) / tf.add_n(shares)
        return [2.0 * self.bound * LEAST + rest * share for share in shares]


def _slope(parameter: tf.Tensor) -> tf.Tensor:
    """Returns the slope at a knot: 1 where the parameter is 0."""
    return LEAST + tf.nn.softplus(bounded(parameter + math.log(math.expm1(1.0 - LEAST))))


class _Bins(NamedTuple):
    """All bins of a spline: where they begin, K widths and heights, and the slopes at K + 1 knots."""

    start: float
    widths: Sequence[tf.Tensor]
    heights: Sequence[tf.Tensor]
    slopes: Sequence[tf.Tensor | float]

    def around(self, x: tf.Tensor, sizes: Sequence[tf.Tensor]) -> "_Bin":
        """Returns the bin that each number lies in, of bins of these sizes."""
        edge, is_beyond = self.start, []
        for size in sizes[:-1]:
            edge += size
            is_beyond.append(tf.cast(x >= edge, x.dtype))
        is_within = [beyond - further for beyond, further in itertools.pairwise([1.0, *is_beyond, 0.0])]
        return _Bin(
            self.start + _sum(is_beyond, self.widths),
            _sum(is_within, self.widths),
            self.start + _sum(is_beyond, self.heights),
            _sum(is_within, self.heights),
            _sum(is_within, self.slopes),
            _sum(is_within, self.slopes[1:]),
        )


def _sum(flags: Sequence[tf.Tensor], values: Sequence[tf.Tensor | float]) -> tf.Tensor:
    """Returns the sum of the values whose flag is 1, of as many as there are flags."""
    return tf.add_n([flag * value for flag, value in zip(flags, values, strict=False)])


class _Bin(NamedTuple):
    """The bins that numbers lie in, each a tensor of their shape."""

    left: tf.Tensor
    width: tf.Tensor
    bottom: tf.Tensor
    height: tf.Tensor
    first_slope: tf.Tensor
    last_slope: tf.Tensor

    @property
    def mean_slope(self) -> tf.Tensor:
        return self.height / self.width

    @property
    def bend(self) -> tf.Tensor:
        return self.first_slope + self.last_slope - 2.0 * self.mean_slope

    def numerator(self, xi: tf.Tensor) -> tf.Tensor:
        return self.mean_slope * xi**2 + self.first_slope * xi * (1.0 - xi)

    def denominator(self, xi: tf.Tensor) -> tf.Tensor:
        return self.mean_slope + self.bend * xi * (1.0 - xi)

    def log_slope(self, xi: tf.Tensor) -> tf.Tensor:
        """Returns log dy/dx, one logarithm of a number that a float holds: σ/d is 2 at most."""
        rest = 1.0 - xi
        slopes = self.last_slope * xi**2 + 2.0 * self.mean_slope * xi * rest + self.first_slope * rest**2
        return tf.math.log(slopes * tf.square(self.mean_slope / self.denominator(xi)))

    def root(self, dy: tf.Tensor) -> tf.Tensor:
        """Returns ξ where the spline is dy above the bottom of its bin."""
        a = self.height * (self.mean_slope - self.first_slope) + dy * self.bend
        b = self.height * self.first_slope - dy * self.bend
        c = -self.mean_slope * dy
        # Positive, but for rounding; 0 would have an infinite derivative.
        discriminant = tf.maximum(b**2 - 4.0 * a * c, np.finfo(dy.dtype.as_numpy_dtype).tiny)
        root, one = tf.sqrt(discriminant), tf.ones_like(b)
        # Of two forms of the root the one that adds numbers of one sign. Where b < 0, a is above 0.
        is_negative = b < 0.0
        by_difference = (root - b) / (2.0 * tf.where(is_negative, a, one))
        return tf.where(is_negative, by_difference, -2.0 * c / (root + tf.where(is_negative, one, b)))
