"""Masked convolutions whose Jacobian is triangular."""

from typing import Any

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.bijectors.chain import Chain
from flowconv.bijectors.substitution import SolvedBySubstitution
from flowconv.core import arguments
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.weights import Normal
from flowconv.ops.log_scale import soft_clip
from flowconv.ops.shapes import per_example, pixels
from flowconv.ops.triangular_solve import TriangularSystem


class AutoregressiveConvolution(SolvedBySubstitution):
    """y_ij = Σ_ab x_{i+a, j+b} K_ab over 0 ≤ a, b ≤ k//2, with K_00 triangular (Hoogeboom et al. 2019).

    A k×k convolution under a mask: a pixel sees itself and those below and to the right of it, and at its own
    place a channel sees itself and those before it. With `reverse` rows, columns and channels run the other way.
    In that order the Jacobian is triangular: log-determinant H·W·Σ_c log d_c with d the diagonal of K_00,
    d = exp(log d) and log d softly clipped to ±8. Starts near the identity.

    Inverse: pixels of one anti-diagonal i + j depend on later ones alone, so that each of these is solved at once, from
    the last corner to the first: H + W − 1 steps, which take as much arithmetic as forward. Of few channels several
    pixels of a row are solved as one, in fewer and larger steps. That is exact, but a triangular system can be so badly
    conditioned that rounding spoils its solution. So the error of each example is estimated, at the cost of inverting
    two images more, and one that is spoilt comes back as NaN, not wrong.

    Args:
      kernel_size: k, odd.
      reverse: whether the order runs from the first corner to the last.

    Example:
      >>> from flowconv.bijectors import AutoregressiveConvolution
      >>> layer = AutoregressiveConvolution(kernel_size=5)
      >>> layer.build((None, 4, 4, 2))
      >>> layer.kernel().shape
      TensorShape([3, 3, 2, 2])
    """

    def __init__(self, kernel_size: int = 3, reverse: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.window = arguments.kernel_size(kernel_size) // 2 + 1  # of the unmasked taps
        self.reverse = reverse

    def build(self, input_shape: tuple[Any, ...]) -> None:
        channels = input_shape[-1]
        self.taps = self.add_weight(
            shape=(self.window, self.window, channels, channels),  # [a, b, in, out]
            initializer=Normal(0.02),
            name="taps",
        )
        self.log_diagonal_unclipped = self.add_weight(shape=(channels,), initializer="zeros", name="log_diagonal")

    @property
    def log_diagonal(self) -> tf.Tensor:
        """log d, `[C]`."""
        return soft_clip(self.log_diagonal_unclipped.value)

    def centre(self) -> tf.Tensor:
        """Returns K_00, triangular, `[C, C]` = [in, out]."""
        taps = self.taps.value[0, 0]
        triangle = tf.linalg.band_part(taps, -1, 0) if self.reverse else tf.linalg.band_part(taps, 0, -1)
        return tf.linalg.set_diag(triangle, tf.exp(self.log_diagonal))

    def others(self) -> tf.Tensor:
        """Returns all K_ab but K_00, row by row, `[n, C, C]`."""
        return tf.reshape(self.taps.value, [-1, *self.taps.shape[2:]])[1:]

    def kernel(self) -> tf.Tensor:
        """Returns all K_ab, `[k//2 + 1, k//2 + 1, C, C]`."""
        return tf.reshape(tf.concat([self.centre()[None], self.others()], axis=0), self.taps.shape)

    def systems(self) -> list[TriangularSystem]:
        return [TriangularSystem(self.kernel(), self.reverse)]

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return self.systems()[0].apply(x), per_example(pixels(x) * tf.reduce_sum(self.log_diagonal), x)

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return self.solve(y), per_example(-pixels(y) * tf.reduce_sum(self.log_diagonal), y)


class AutoregressivePair(SolvedBySubstitution, Chain):
    """Two autoregressive convolutions, of opposite order: together they see a k×k window, as a standard one does.

    Inverse and log-determinant are those of the two; both inverses are computed in one go.

    Args:
      kernel_size: k, odd.
    """

    def __init__(self, kernel_size: int = 3, **kwargs: Any):
        dtype = kwargs.get("dtype")
        first = AutoregressiveConvolution(kernel_size, dtype=dtype, name="first")
        second = AutoregressiveConvolution(kernel_size, reverse=True, dtype=dtype, name="second")
        super().__init__([first, second], **kwargs)

    def systems(self) -> list[TriangularSystem]:
        return [system for layer in self.layers for system in layer.systems()]

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        log_det = sum(tf.reduce_sum(layer.log_diagonal) for layer in self.layers)
        return self.solve(y), per_example(-pixels(y) * log_det, y)

    inverse_and_gradients = Bijector.inverse_and_gradients  # with the inverse of both, not one by one
    initialize = Bijector.initialize
    flat = Bijector.flat
