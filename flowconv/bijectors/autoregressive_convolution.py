"""A masked convolution whose Jacobian is triangular."""

import keras
import numpy as np
import tensorflow as tf

from flowconv.bijectors.bijector import Bijector, per_example, pixels
from flowconv.bijectors.numerics import soft_clip
from flowconv.bijectors.wavefront import substitute_back

LOG_DIAGONAL_LIMIT = 8.0
RESIDUAL_LIMIT = 1e-2  # of f(f⁻¹(y)) − y, relative to the largest |y| of the example


class AutoregressiveConvolution(Bijector):
    """y_ij = Σ_ab K_ab x_{i+a, j+b} over 0 ≤ a, b ≤ k//2, with K_00 lower triangular (Hoogeboom et al. 2019).

    A k×k convolution under a mask: a pixel sees itself and those below and to the right of it, and at its own
    place a channel sees itself and those before it. With `reverse` rows, columns and channels run the other way.
    In that order the Jacobian is triangular: log-determinant H·W·Σ_c log d_c with d the diagonal of K_00,
    d = exp(log d) and log d softly clipped to ±8. Starts near the identity.

    Inverse: pixels of one anti-diagonal i + j depend on later ones alone, so that each is solved at once, from the
    last corner to the first: H + W − 1 products of matrices, which take as much arithmetic as forward. That is
    exact, but a triangular system can be so badly conditioned that rounding spoils its solution: f(f⁻¹(y)) is
    compared with y, and an example where they differ comes back as NaN, never as a wrong image.

    Args:
      kernel_size: k, odd.
      reverse: whether the order runs from the first corner to the last.
    """

    def __init__(self, kernel_size: int = 3, reverse: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.window = kernel_size // 2 + 1  # of the unmasked taps
        self.reverse = reverse

    def build(self, input_shape):
        channels = input_shape[-1]
        self.taps = self.add_weight(
            shape=(self.window, self.window, channels, channels),  # [a, b, in, out]
            initializer=keras.initializers.RandomNormal(0.0, 0.02),
            name="taps",
        )
        self.log_diagonal_unclipped = self.add_weight(shape=(channels,), initializer="zeros", name="log_diagonal")

    @property
    def log_diagonal(self) -> tf.Tensor:
        """log d, `[C]`."""
        return soft_clip(self.log_diagonal_unclipped.value, LOG_DIAGONAL_LIMIT)

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

    def forward_and_log_det(self, x):
        y = _correlate(x, self.kernel(), self.reverse)
        return y, per_example(pixels(x) * tf.reduce_sum(self.log_diagonal), x)

    def inverse_and_log_det(self, y):
        inverse = tf.linalg.triangular_solve(
            tf.cast(self.centre(), tf.float64), tf.eye(y.shape[-1], dtype=tf.float64), lower=self.reverse
        )
        inverse = tf.cast(inverse, y.dtype)
        x = substitute_back(y, inverse, self.others(), self.reverse)
        return self._checked(x, y), per_example(-pixels(y) * tf.reduce_sum(self.log_diagonal), y)

    def _checked(self, x, y):
        """Returns x, with NaN in each example for which f(x) isn't y.

        Compared are the sums over the channels with random signs (Freivalds 1977): for a fraction 1/C of the
        arithmetic of f they show an error of the size that the channels have together.
        """
        signs = tf.constant(np.random.default_rng(0).choice([-1.0, 1.0], [y.shape[-1], 1]), y.dtype)
        probe = tf.tensordot(self.kernel(), signs, 1)
        residual = tf.abs(_correlate(x, probe, self.reverse) - tf.tensordot(y, signs, 1))
        worst, scale = (tf.reduce_max(tf.abs(t), axis=[1, 2, 3], keepdims=True) for t in (residual, y))
        return tf.where(worst <= RESIDUAL_LIMIT * scale, x, tf.constant(float("nan"), x.dtype))  # (NaN ≤ … is false)


def _correlate(x, kernel, reverse):
    """Σ_ab K_ab x_{i+a, j+b}, or x_{i−a, j−b}; pixels beyond the border are 0."""
    border = kernel.shape[0] - 1
    pad = [border, 0] if reverse else [0, border]
    x = tf.pad(x, [[0, 0], pad, pad, [0, 0]])
    return tf.nn.conv2d(x, tf.reverse(kernel, axis=[0, 1]) if reverse else kernel, 1, "VALID")
