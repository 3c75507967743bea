"""The autoregressive layer."""

from typing import Any

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.bijectors.transform import Transform
from flowconv.core import arguments
from flowconv.core.autoregressive_network import AutoregressiveNetwork, CachedNetwork
from flowconv.core.fixed_point_inverse import with_derivatives
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.network import Average
from flowconv.ops.fixed_point import iterate, stays

ERROR_LIMIT = {tf.float32: 4e-4, tf.float64: 1e-9}  # of a solution that should stay where it is, by its size
LARGEST = 1e6  # that a network sees on the way to a solution: beyond, its own numbers might overflow


class Autoregressive(Bijector):
    """y_i is a transform of the pixel x_i with parameters NN(x_<i), which depend on the pixels before it alone.

    The network says what the order is, and whether its groups are pixels, rows or patches. The numbers of one pixel
    don't see one another; a convolution before the layer mixes them.

    Forward: one evaluation of the network, for all pixels at once. With `Gaussian` it is MAF (Papamakarios et al. 2017)
    or, with a causal transformer, TarFlow (Zhai et al. 2024); with its inverse in the place of forward (`Invert`) IAF.

    Inverse: Jacobi's iteration x ← T⁻¹(y; NN(x)), for all pixels at once. A pixel is right as soon as those are that it
    depends on, so that it is exact after as many evaluations as the network's `steps`, and ends earlier where nothing
    changes any more. On the way it may be far off. With segments it is solved for one part of the order after the
    other: within a part by Jacobi's iteration, with kept keys and values of those before (Gauss–Seidel–Jacobi). As many
    segments as there are steps is sequential sampling. In the end one evaluation more tells whether the solution stays
    where it is. An image that doesn't comes back as NaN, not wrong, and so does one with numbers beyond ±10⁶, which
    the network doesn't see on the way.

    With `Inputs.guidance` its parameters are those of guidance, and the layer is another map with the same order. It
    costs two evaluations in the place of one.

    The inverse has the derivatives of the implicit function theorem, which cost about as many evaluations again.

    Log-determinant: the transform's.

    Args:
      transform: of a pixel's numbers, as `elementwise.gaussian.Gaussian`.
      network: NN, not built yet.
      segments: parts of the order that the inverse takes one after the other; more than 1 needs a network that keeps
        keys and values, as a causal transformer, and must divide its steps.
      tolerance: the change at which an inverse ends, relative to the largest number of an image; 0: about the dtype's
        precision. One that is larger samples faster, and less exactly.

    Raises:
      ValueError: for a network without an order, or segments that it can't have.

    Example:
      >>> from flowconv.bijectors import Autoregressive, Gaussian
      >>> from flowconv.networks.masked_convolution import MaskedConvolutionNetwork
      >>> layer = Autoregressive(Gaussian(), MaskedConvolutionNetwork(width=8))
      >>> layer.build((None, 16, 16, 3))
      >>> layer.network.steps
      46

    References:
      Kingma et al. 2016, "Improving Variational Inference with Inverse Autoregressive Flow".
      Papamakarios, Pavlakou, Murray 2017, "Masked Autoregressive Flow for Density Estimation".
      Zhai et al. 2024, "Normalizing Flows are Capable Generative Models".
      Song, Meng, Liao, Ermon 2021, "Accelerating Feedforward Computation via Parallel Nonlinear Equation Solving".
    """

    takes_guidance = True

    def __init__(
        self,
        transform: Transform,
        network: AutoregressiveNetwork,
        segments: int = 1,
        tolerance: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not isinstance(network, AutoregressiveNetwork):
            raise ValueError(
                f"network must be one whose pixels depend on those before them alone, got {type(network).__name__}"
            )
        arguments.whole(1, segments=segments)
        arguments.number(tolerance, lambda t: 0.0 <= t < 1.0, "tolerance", "within [0, 1)")
        if segments > 1 and not isinstance(network, CachedNetwork):
            raise ValueError(
                f"segments must be 1 with {type(network).__name__}, which keeps nothing of a segment, got {segments}"
            )
        self.transform = transform
        self.network = network
        self.segments = segments
        self.tolerance = tolerance

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.network.outputs = self.transform.parameters_per_dim * input_shape[-1]
        self.network.build(input_shape)
        if self.network.steps % self.segments:
            raise ValueError(
                f"segments must divide the {self.network.steps} steps of the network's order, got {self.segments}"
            )

    def parameters(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        """Returns NN(x), `parameters_per_dim` images of the shape of x, in its dtype.

        Raises:
          ValueError: for guidance by an attention that the network hasn't, or by nothing.
        """
        return self._guided([tf.cast(self.network.call(x, each), x.dtype) for each in self._views(inputs)], inputs)

    def _views(self, inputs: Inputs) -> tuple[Inputs, ...]:
        """The inputs of each evaluation of the network that parameters are made of."""
        guidance = inputs.guidance
        if guidance is None:
            return (inputs,)
        if guidance.attention_temperature != 1.0 and not self.network.has_attention:
            raise ValueError(
                f"attention_temperature must be 1 with {type(self.network).__name__}, which has no attention, "
                f"got {guidance.attention_temperature}"
            )
        return guidance.views(inputs, self.network.condition)

    def _guided(self, parameters: list[tf.Tensor], inputs: Inputs) -> tf.Tensor:
        """The parameters of all views as one."""
        return parameters[0] if inputs.guidance is None else inputs.guidance.combined(parameters)

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return self.transform.forward_and_log_det(x, self.parameters(x, inputs))

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        found, _ = self.solve(y, inputs)
        found = with_derivatives(self._better, found, self.network.steps, y, inputs, self.network)
        x, log_det = self.transform.inverse_and_log_det(y, self.parameters(found, inputs))
        # Relative to the largest number of an image: beside one that isn't seen, any error of others would be small.
        seen = tf.reduce_all(tf.abs(found) < LARGEST, [1, 2, 3], keepdims=True)
        solved = seen & stays(found, x, max(ERROR_LIMIT[y.dtype], self.tolerance))
        return tf.where(solved, x, tf.constant(float("nan"), x.dtype)), log_det

    def initialize(self, x: tf.Tensor, inputs: Inputs = NONE, average: Average = tf.identity) -> tf.Tensor:
        parameters = tf.cast(self.network.initialize(x, inputs, average), x.dtype)
        return self.transform.forward_and_log_det(x, parameters)[0]

    def solve(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns x of f(x) = y, without derivatives, and how many evaluations of the network it took."""
        if self.segments > 1:
            return self._solve_in_segments(y, inputs)
        return iterate(lambda x: self._better(x, y, inputs), y, self.network.steps, self.tolerance or None)

    def _better(self, x: tf.Tensor, y: tf.Tensor, inputs: Inputs) -> tf.Tensor:
        """A step of Jacobi's iteration."""
        return self.transform.inverse_and_log_det(y, self.parameters(_seen(x), inputs.unshared()))[0]

    def _solve_in_segments(self, y: tf.Tensor, inputs: Inputs) -> tuple[tf.Tensor, tf.Tensor]:
        """As `solve`, by Gauss–Seidel–Jacobi iteration: tokens are patches, their pixels stand in a row."""
        network, inputs = self.network, inputs.unshared()
        assert isinstance(network, CachedNetwork)  # as the constructor has it
        length = network.steps // self.segments
        tokens = network.tokens(y)
        views = self._views(inputs)
        contexts = [network.context(each) for each in views]

        def solve_segment(
            number: tf.Tensor, x: tf.Tensor, cache: Any, before: tf.Tensor, taken: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor, Any, tf.Tensor, tf.Tensor]:
            first = number * length
            places = first + tf.range(length)
            mine = tf.gather(tokens, places, axis=1)

            def outputs_of(x: tf.Tensor) -> tuple[tf.Tensor, Any]:
                of_views = zip(cache, contexts, views, strict=True)
                extended = [network.extend(_seen(x), old, first, *of_view) for old, *of_view in of_views]
                outputs, kept = zip(*extended, strict=True)
                return self._guided([tf.cast(each, y.dtype) for each in outputs], inputs), list(kept)

            def better(x: tf.Tensor) -> tf.Tensor:
                # The parameters of a token are the outputs of the one before.
                parameters = before if length == 1 else tf.concat([before, outputs_of(x)[0][:, :-1]], axis=1)
                return self.transform.inverse_and_log_det(mine, parameters)[0]

            if length == 1:
                found, steps = better(mine), 0
            else:
                found, steps = iterate(better, mine, length, self.tolerance or None)
            outputs, cache = outputs_of(found)
            x = tf.tensor_scatter_nd_update(x, places[:, None], tf.transpose(found, [1, 0, 2, 3]))
            return number + 1, x, cache, outputs[:, -1:], taken + steps + 1

        zeros = tf.zeros_like(tf.transpose(tokens, [1, 0, 2, 3]))
        before = tf.zeros_like(tf.repeat(tokens[:, :1], self.transform.parameters_per_dim, axis=-1))
        empty = [network.empty_cache(tokens, each) for each in views]
        start = tf.constant(0), zeros, empty, before, tf.constant(0)
        _, x, _, _, taken = tf.while_loop(
            lambda number, *_: number < self.segments, solve_segment, start, maximum_iterations=self.segments
        )
        return tf.stop_gradient(network.images(tf.transpose(x, [1, 0, 2, 3]))), taken


def _seen(x: tf.Tensor) -> tf.Tensor:
    """The iterate as the network sees it: 0 where it is far off, since an infinity would spoil right pixels, too."""
    return tf.where(tf.abs(x) < LARGEST, x, tf.zeros([], x.dtype))
