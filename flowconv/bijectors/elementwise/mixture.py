"""Flow++'s transform: a mixture of logistics."""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from flowconv.bijectors.transform import Transform
from flowconv.core import arguments
from flowconv.ops.bisection import bisect, refine
from flowconv.ops.implicit import implicit
from flowconv.ops.log_scale import BOUND
from flowconv.ops.shapes import per_number, sum_per_example

NARROWEST = -7.0  # log-scale of a component: what is narrower has no gradient


class Mixture(Transform):
    """y = e^s·logit F(x) + t, with F the distribution function of a mixture of k logistics (Ho et al. 2019).

    F(x) = Σ π_i·σ((x − μ_i)·e^{−λ_i}), s = tanh(h). The parameters are h, t, and k each of the logits of π, of μ and of
    λ, in this order. In the tails of float32 F is 1 or 0. So all is made of log F and log S, S = 1 − F: each is a
    logsumexp over the components, and logit F = log F − log S.

    With parameters 0 it is the identity, as nearly as k components can be: their scales are ½, and their means are
    spread as for a mixture of many that is one logistic of scale 1. Flow++ has all means near 0. With a network that is
    zero at first, as Glow's, all components would then have equal gradients, and be one for ever.

    Inverse: bisection of logit F. Its values lie between those of the components, so that the bracket is exact:
    between the least and the largest μ_i + e^{λ_i}·(y − t)·e^{−s}. The number of steps is fixed by the dtype. Of the
    numbers beside the root it is the one whose y is nearest. The derivatives are those of the implicit function
    theorem. In float32 f(f⁻¹(y)) is y = f(x) to 10⁻⁵ or two units in the last place, if |x| ≤ 40. Between narrow
    components the slope is nearly 0, and x far less exact.

    Log-determinant: Σ log f(x) − log F(x) − log S(x) + s, with f the density of the mixture. Cost: some 10 operations
    on k times as many numbers as x has; the inverse is as many as there are steps times half of that. The network has
    2 + 3k outputs a number, which make its last layer the larger.

    Args:
      components: k. Flow++ has 32 on 32×32 images and 4 on larger ones.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Mixture
      >>> transform = Mixture(components=8)
      >>> y, _ = transform.forward_and_log_det(tf.ones([1, 2, 2, 3]), tf.zeros([1, 2, 2, 3 * 26]))
      >>> print(round(float(y[0, 0, 0, 0]), 1))
      1.0

    References:
      Ho, Chen, Srinivas, Duan, Abbeel 2019, "Flow++: Improving Flow-Based Generative Models with Variational
      Dequantization and Architecture Design".
    """

    unsafe_inverse = "the slope of a mixture is nearly 0 between narrow components, where inverting loses all digits"

    def __init__(self, components: int = 4):
        arguments.whole(1, components=components)
        self.components = components
        self.parameters_per_dim = 2 + 3 * components

    def forward_and_log_det(self, x: tf.Tensor, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        log_scale, shift, mixture = self._parts(parameters)
        logit, log_slope = _logit_and_log_slope(x, *mixture)
        return tf.exp(log_scale) * logit + shift, sum_per_example(log_slope + log_scale)

    def inverse_and_log_det(self, y: tf.Tensor, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        log_scale, shift, mixture = self._parts(parameters)
        logit = (y - shift) * tf.exp(-log_scale)
        of_components = mixture.mean + tf.exp(mixture.log_scale) * logit
        low, high = tf.reduce_min(of_components, axis=0), tf.reduce_max(of_components, axis=0)
        root = bisect(lambda x: _tails(x, *mixture).logit, logit, low, high)
        _, log_slope = _logit_and_log_slope(root, *mixture)
        root = refine(lambda x: tf.exp(log_scale) * _tails(x, *mixture).logit + shift, log_slope + log_scale, y, root)
        x = implicit(_logit_and_log_slope, root, logit, *mixture)
        _, log_slope = _logit_and_log_slope(x, *mixture)
        return x, -sum_per_example(log_slope + log_scale)

    def _parts(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, "_Components"]:
        """Returns s and t, of the shape of x, and the mixture."""
        k = self.components
        log_scale, shift, logits, mean, log_scales = tf.split(
            per_number(parameters, self.parameters_per_dim), [1, 1, k, k, k], axis=0
        )
        first_mean, first_log_scale = _identity(k)
        mixture = _Components(
            logits - tf.reduce_logsumexp(logits, axis=0),
            mean + tf.constant(first_mean[:, None, None, None, None], mean.dtype),
            tf.clip_by_value(log_scales + first_log_scale, NARROWEST, BOUND),
        )
        return tf.tanh(log_scale[0]), shift[0], mixture


class _Components(NamedTuple):
    """Components of a mixture, `[k, …]`: log π, μ and λ."""

    log_weight: tf.Tensor
    mean: tf.Tensor
    log_scale: tf.Tensor


class _Tails(NamedTuple):
    """log F and log S of each component, times its weight, `[k, …]`, and of the mixture."""

    of_components: tuple[tf.Tensor, tf.Tensor]
    log_cdf: tf.Tensor
    log_survival: tf.Tensor

    @property
    def logit(self) -> tf.Tensor:
        return self.log_cdf - self.log_survival


def _tails(x: tf.Tensor, log_weight: tf.Tensor, mean: tf.Tensor, log_scale: tf.Tensor) -> _Tails:
    z = (x - mean) * tf.exp(-log_scale)
    log_cdf = tf.math.log_sigmoid(z)
    below, above = log_cdf, log_cdf - z  # log σ(z) and log σ(−z)
    return _Tails(
        (below, above), tf.reduce_logsumexp(log_weight + below, 0), tf.reduce_logsumexp(log_weight + above, 0)
    )


def _logit_and_log_slope(
    x: tf.Tensor, log_weight: tf.Tensor, mean: tf.Tensor, log_scale: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns logit F(x), and the logarithm of its derivative log f − log F − log S, of each number.

    In a tail log f and one of log F and log S may be −40,000 and more, and their difference near 0. So the difference
    is taken within the sum over components, of which log f is: f_i = F_i·S_i·e^{−λ_i}.
    """
    tails = _tails(x, log_weight, mean, log_scale)
    below, above = tails.of_components
    is_right = tails.log_survival < tails.log_cdf
    small = tf.where(is_right, tails.log_survival, tails.log_cdf)
    large = tf.where(is_right, tails.log_cdf, tails.log_survival)
    share = log_weight + tf.where(is_right, above, below) - small
    density = tf.reduce_logsumexp(share + tf.where(is_right, below, above) - log_scale, 0)
    return tails.logit, density - large


def _identity(components: int) -> tuple[np.ndarray, float]:
    """Returns the means and the log-scale of equal components, of which a mixture is a logistic of scale 1, about.

    A logistic of scale ½ whose mean is 2·artanh(tan(π/2·(u − ½))), with u uniform in (0, 1), is one of scale 1.
    """
    if components == 1:
        return np.zeros(1), 0.0
    u = (np.arange(components) + 0.5) / components
    return 2.0 * np.arctanh(np.tan(math.pi / 2.0 * (u - 0.5))), math.log(0.5)
