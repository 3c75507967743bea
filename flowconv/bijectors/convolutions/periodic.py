"""Periodic convolutions."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.bijectors.rotations import random_rotation
from flowconv.core import arguments
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.weights import RandomInitializer
from flowconv.ops import circulant, linalg
from flowconv.ops.shapes import per_example


class PeriodicConvolution(Bijector):
    """y = K ⊛ x, a k×k convolution of an image without borders (Hoogeboom et al. 2019; Finzi et al. 2019).

    y_ij = Σ_ab K_ab x_{i+a, j+b} over |a|, |b| ≤ k//2, indices modulo H and W. The Fourier transform takes it apart
    into a C×C matrix M_uv = Σ_ab K_ab exp(2πi(ua/H + vb/W)) at each frequency: ŷ_uv = M_uv x̂_uv. So
    log-determinant: Σ_uv log|det M_uv|, and inverse: x̂_uv = M_uv⁻¹ ŷ_uv. Half of the frequencies suffice, since
    those of (−u, −v) are conjugate. Cost: forward k² 1×1 convolutions; determinant, in float64, and inverse
    O(H·W·C³); the inverse two Fourier transforms besides. `reset_weights` makes it a rotation at the centre, and noise
    around it. Nothing keeps M_uv from becoming singular: watch its condition number.

    Args:
      kernel_size: k, odd; k//2 must not exceed H or W.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import PeriodicConvolution
      >>> layer = PeriodicConvolution(kernel_size=3)
      >>> layer.build((None, 4, 4, 2))
      >>> layer.reset_weights(seed=0)
      >>> x = tf.ones([1, 4, 4, 2])
      >>> bool(tf.reduce_all(tf.abs(layer.inverse(layer.forward(x)) - x) < 1e-4))
      True
    """

    def __init__(self, kernel_size: int = 3, **kwargs: Any):
        super().__init__(**kwargs)
        self.border = arguments.kernel_size(kernel_size) // 2

    def build(self, input_shape: tuple[Any, ...]) -> None:
        height, width, channels = input_shape[-3:]
        size = 2 * self.border + 1
        if self.border > min(height, width):
            raise ValueError(
                f"a periodic {size}×{size} convolution needs images of at least {self.border}×{self.border}, "
                f"got {height}×{width}"
            )
        self.kernel = self.add_weight(
            shape=(size * size, channels, channels),  # [tap, out, in]
            initializer=_RotationAndNoise(),
            name="kernel",
        )
        self.image_size = (height, width)

    def _frequencies(self) -> list[circulant.Frequencies]:
        return circulant.frequencies(self.image_size, 2 * self.border + 1)

    def _log_abs_det(self) -> tf.Tensor:
        return circulant.log_abs_det(tf.convert_to_tensor(self.kernel.value), self._frequencies())

    def _inverses(self) -> list[tf.Tensor]:
        return circulant.inverses(tf.convert_to_tensor(self.kernel.value), self._frequencies())

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        size, border = 2 * self.border + 1, self.border
        kernel = tf.reshape(tf.transpose(self.kernel.value, [0, 2, 1]), [size, size, x.shape[-1], x.shape[-1]])
        wide = tf.concat([x[:, -border:], x, x[:, :border]], axis=1) if border else x
        wide = tf.concat([wide[:, :, -border:], wide, wide[:, :, :border]], axis=2) if border else wide
        return tf.nn.conv2d(wide, kernel, 1, "VALID"), per_example(inputs.once(self._log_abs_det), x)

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        x = circulant.multiply_spectrum(inputs.once(self._inverses), y)
        return x, per_example(-inputs.once(self._log_abs_det), y)

    def singular_values(self) -> dict[str, np.ndarray]:
        kernel = tf.cast(self.kernel.value, tf.float64)
        parts = [circulant.transfer_matrices(kernel, part) for part in self._frequencies()]
        matrices = np.concatenate([real.numpy() + 1j * imaginary.numpy() for real, imaginary in parts])
        return {"kernel": linalg.singular_values(matrices).ravel()}


class _RotationAndNoise(RandomInitializer):
    """A random rotation in the middle of the taps, N(0, 0.02²) everywhere; the identity at construction."""

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> tf.Tensor:
        return _in_the_middle(tf.eye(shape[-1], dtype=dtype), shape[0])

    def draw(self, shape: tuple[int, ...], dtype: Any, seed: int) -> tf.Tensor:
        noise = keras.initializers.RandomNormal(0.0, 0.02, seed=seed)(shape, dtype)
        return noise + _in_the_middle(tf.constant(random_rotation(shape[-1], seed), noise.dtype), shape[0])


def _in_the_middle(matrix: tf.Tensor, taps: int) -> tf.Tensor:
    return tf.one_hot(taps // 2, taps, dtype=matrix.dtype)[:, None, None] * matrix
