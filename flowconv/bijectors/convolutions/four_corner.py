"""FInC's four-corner convolution."""

from typing import Any

import numpy as np
import tensorflow as tf

from flowconv.bijectors.chain import Chain
from flowconv.bijectors.convolutions.conv1x1 import Conv1x1
from flowconv.bijectors.substitution import SolvedBySubstitution
from flowconv.core import arguments
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.weights import Normal
from flowconv.ops.permute_pixels import permute_pixels
from flowconv.ops.shapes import per_example
from flowconv.ops.triangular_solve import TriangularSystem

GROUPS = 4


class FourCornerConvolution(Chain):
    """A 1×1 convolution, then four groups of channels, each convolved towards another corner (Kallappa et al. 2023).

    A group of C/4 channels sees itself alone, (k//2 + 1)×(k//2 + 1) pixels towards a corner of the image, and at its
    own place the channels before it. The Jacobian is triangular, with ones: log-determinant that of the 1×1.
    Inverse: all four by one substitution, at most H + W − 1 steps; exact but for rounding, and NaN where that has
    spoilt it. Cost: half of emerging's. For images of any size.

    Args:
      kernel_size: k, odd.
      parameterization: of the 1×1 convolution's W.

    Example:
      >>> from flowconv.bijectors import FourCornerConvolution
      >>> layer = FourCornerConvolution(kernel_size=3)
      >>> layer.build((None, 8, 8, 4))
      >>> [part.name for part in layer.layers]
      ['conv1x1', 'four_corners']

    References:
      Kallappa, Nagar, Varma 2023, "FInC Flow: Fast and Invertible k×k Convolutions for Normalizing Flows".
    """

    def __init__(self, kernel_size: int = 3, parameterization: str = "plu", **kwargs: Any):
        dtype = kwargs.get("dtype")
        super().__init__(
            [
                Conv1x1(parameterization, dtype=dtype, name="conv1x1"),
                _FourCorners(kernel_size, dtype=dtype, name="four_corners"),
            ],
            **kwargs,
        )


class _FourCorners(SolvedBySubstitution):
    """The convolutions of the four groups, as one: with rows and columns reversed, their corners are the same."""

    def __init__(self, kernel_size: int = 3, **kwargs: Any):
        super().__init__(**kwargs)
        self.window = arguments.kernel_size(kernel_size) // 2 + 1

    def build(self, input_shape: tuple[Any, ...]) -> None:
        size = -(-input_shape[-1] // GROUPS)  # of the largest group
        shape = (self.window, self.window, GROUPS, size, size)  # [a, b, group, in, out]
        self.taps = self.add_weight(shape=shape, initializer=Normal(0.02), name="taps")
        groups = _groups(input_shape[-1])
        self.places = np.concatenate([size * g + np.arange(len(group)) for g, group in enumerate(groups)])

    def systems(self) -> list[TriangularSystem]:
        # One system, with zeros between groups. It is so small that four of their own would take longer.
        taps, size = tf.convert_to_tensor(self.taps.value), self.taps.shape[-1]
        kernel = tf.reshape(tf.transpose(taps, [0, 1, 3, 2, 4]), [self.window, self.window, size, GROUPS * size])
        blocks = np.kron(np.eye(GROUPS), np.ones([size, size]))
        kernel = tf.tile(kernel, [1, 1, GROUPS, 1]) * tf.constant(blocks, taps.dtype)
        if len(self.places) < GROUPS * size:
            kernel = tf.gather(tf.gather(kernel, self.places, axis=2), self.places, axis=3)
        centre = tf.linalg.band_part(kernel[0, 0], 0, -1)
        centre = tf.linalg.set_diag(centre, tf.ones([len(self.places)], taps.dtype))
        others = tf.reshape(kernel, [-1, *kernel.shape[2:]])[1:]
        return [TriangularSystem(tf.reshape(tf.concat([centre[None], others], axis=0), kernel.shape), reverse=False)]

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return _turn(self.systems()[0].apply(_turn(x))), per_example(0.0, x)

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return _turn(self.solve(_turn(y))), per_example(0.0, y)


def _turn(x: tf.Tensor) -> tf.Tensor:
    """Reverses the rows of the second and fourth group, and the columns of the third and fourth one."""
    order = np.arange(np.prod(x.shape[1:])).reshape(x.shape[1:])
    for number, group in enumerate(_groups(x.shape[-1])):
        turned = order[..., group]
        turned = turned[::-1] if number % 2 else turned
        order[..., group] = turned[:, ::-1] if number >= 2 else turned
    return permute_pixels(x, order.ravel())


def _groups(channels: int) -> list[np.ndarray]:
    return np.array_split(np.arange(channels), GROUPS)
