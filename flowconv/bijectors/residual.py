"""The residual layer."""

import math
from typing import Any

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.core import arguments
from flowconv.core.fixed_point_inverse import with_derivatives
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.lipschitz_network import LipschitzNetwork
from flowconv.core.network import Average
from flowconv.ops.fixed_point import TOLERANCE, iterate
from flowconv.ops.log_det_series import estimated_log_det, exact_log_det
from flowconv.ops.random import Seed
from flowconv.ops.shapes import batch_size

ERROR_LIMIT = {tf.float32: 1e-4, tf.float64: 1e-9}  # of an inverse, by the size of its largest number


class Residual(Bijector):
    """y = x + g(x) with a contraction g, |g(x) − g(x′)| ≤ L·|x − x′| with L < 1 (Behrmann et al. 2019).

    Forward: one evaluation of g.

    Inverse: Banach's fixed point x ← y − g(x), L times as far off after each evaluation. It ends where nothing changes
    any more. By Banach's bound x is off by L/(1 − L) of its last change at most; where that is too much, the image
    comes back as NaN, not wrong. The inverse has the derivatives of the implicit function theorem.

    Log-determinant: **an estimate**, right in expectation alone (Chen et al. 2019). It is the power series of
    log det (I + ∂g/∂x), ended at random, each trace by one random vector. A few terms there are always: fewer in
    training, `Inputs.training`. The inputs' seed decides all that is random, for each image by its number; without one
    it is `Seed(0)`. The variance is finite where ‖∂g/∂x‖² is below the probability of going on. The bound L² may be
    above that: with 0.9 and one half a standard error may be infinite. Of images of few numbers it is exact, by the
    whole Jacobian. The inverse's is that of its solution, negated.

    Cost: of an estimate, one vector–Jacobian product of g a term, as many as the longest sum of a batch has: about
    terms + log B / log(1/q) of B images. Of an inverse up to log ε / log L evaluations of g.

    Args:
      network: g, not built yet.
      training_terms: of the series that there always are, in training.
      evaluation_terms: the same, otherwise.
      continuation: q, the probability that a series goes on after each further term.
      exact_dims: images of at most so many numbers have an exact log-determinant, at the cost of as many products.

    Raises:
      ValueError: for a network that is no contraction, or numbers out of range.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Inputs, Residual, Seed
      >>> from flowconv.networks.lipschitz_convolution import LipschitzConvolutionNetwork
      >>> layer = Residual(LipschitzConvolutionNetwork(width=8))
      >>> layer.build((None, 8, 8, 3))
      >>> y, estimate = layer.forward_and_log_det(tf.ones([2, 8, 8, 3]), Inputs(seed=Seed(0)))
      >>> bool(tf.reduce_max(tf.abs(layer.inverse(y) - 1.0)) < 1e-4)
      True

    References:
      Behrmann, Grathwohl, Chen, Duvenaud, Jacobsen 2019, "Invertible Residual Networks".
      Chen, Behrmann, Duvenaud, Jacobsen 2019, "Residual Flows for Invertible Generative Modeling".
    """

    def __init__(
        self,
        network: LipschitzNetwork,
        training_terms: int = 2,
        evaluation_terms: int = 20,
        continuation: float = 0.5,
        exact_dims: int = 64,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not isinstance(network, LipschitzNetwork):
            raise ValueError(f"network must be one that is a contraction, got {type(network).__name__}")
        arguments.whole(1, training_terms=training_terms, evaluation_terms=evaluation_terms)
        arguments.number(continuation, lambda q: 0.0 < q < 1.0, "continuation", "within (0, 1)")
        arguments.whole(0, exact_dims=exact_dims)
        self.network = network
        self.training_terms = training_terms
        self.evaluation_terms = evaluation_terms
        self.continuation = continuation
        self.exact_dims = exact_dims

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self._is_exact = math.prod(input_shape[-3:]) <= self.exact_dims
        self.network.outputs = input_shape[-1]
        self.network.build(input_shape)

    @property
    def steps(self) -> int:
        """The evaluations of g after which an inverse has ended at the latest."""
        far = 1e-3 * TOLERANCE[tf.as_dtype(self.compute_dtype)]
        return math.ceil(math.log(far) / math.log(self.network.contraction))

    def estimates_log_det(self) -> bool:
        return not self._is_exact

    def residual(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        """Returns g(x), in the dtype of x."""
        return tf.cast(self.network.call(x, inputs), x.dtype)

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        g, log_det = self._residual_and_log_det(x, inputs)
        return x + g, log_det

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        # The first step stands outside of the loop: it leaves there what depends on weights alone, as singular values.
        shared = inputs.sharing()
        found, _ = iterate(lambda x: self._better(x, y, shared), self._better(y, y, shared), self.steps)
        found = with_derivatives(self._better, found, self.steps, y, inputs.unshared(), self.network)
        g, log_det = self._residual_and_log_det(found, shared)
        x = y - g
        axes, contraction = [1, 2, 3], self.network.contraction
        change = tf.sqrt(tf.reduce_mean((x - found) ** 2, axes, keepdims=True))
        size = tf.maximum(tf.reduce_max(tf.abs(x), axes, keepdims=True), 1.0)
        solved = contraction / (1.0 - contraction) * change <= ERROR_LIMIT[y.dtype] * size  # (false for NaN)
        return tf.where(solved, x, tf.constant(float("nan"), x.dtype)), -log_det

    def initialize(self, x: tf.Tensor, inputs: Inputs = NONE, average: Average = tf.identity) -> tf.Tensor:
        return x + tf.cast(self.network.initialize(x, inputs, average), x.dtype)

    def _better(self, x: tf.Tensor, y: tf.Tensor, inputs: Inputs) -> tf.Tensor:
        """A step towards the fixed point."""
        return y - self.residual(x, inputs)

    def _residual_and_log_det(self, x: tf.Tensor, inputs: Inputs) -> tuple[tf.Tensor, tf.Tensor]:
        if self._is_exact:
            numbers = math.prod(x.shape[1:])
            repeated = inputs.with_tensors([tf.repeat(tensor, numbers, axis=0) for tensor in inputs.tensors()])
            return exact_log_det(lambda x: self.residual(x, repeated), x)
        seed, images = inputs.seed or Seed(0), batch_size(x)
        heads = seed.fold_in(0).uniform((images, *x.shape[1:])) < 0.5
        coins = seed.fold_in(1)
        return estimated_log_det(
            lambda x: self.residual(x, inputs),
            x,
            tf.where(heads, tf.ones_like(x), -tf.ones_like(x)),  # less variance than normal ones have
            lambda k: coins.fold_in(k).uniform((images, 1))[:, 0] < self.continuation,
            self.training_terms if inputs.training else self.evaluation_terms,
            self.continuation,
        )
