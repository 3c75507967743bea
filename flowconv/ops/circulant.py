"""Circular convolutions of images, which the Fourier transform takes apart into a matrix at each frequency.

Images are real, so that half of the frequencies suffice: (u, v) with v = 0, …, W//2, all u. Others are conjugate to
them. They are divided into parts, one for each core, whose matrices are factorized at the same time.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from flowconv.ops import linalg
from flowconv.ops.batch_parallel import map_slices, num_slices, slice_sizes
from flowconv.ops.custom_gradient import custom_gradient


class Frequencies(NamedTuple):
    """Some frequencies (u, v), row by row.

    Attributes:
      phases: exp(2πi(ua/H + vb/W)) of each frequency and tap, `[F, k²]`, complex.
      counts: how many frequencies each stands for: 2, with that of (−u, −v); 1 if that is among them, `[F]`.
    """

    phases: np.ndarray
    counts: np.ndarray


def frequencies(size: tuple[int, int], kernel_size: int) -> list[Frequencies]:
    """Returns all frequencies of images of H×W pixels, in parts."""
    height, width = size
    taps = np.arange(kernel_size) - kernel_size // 2
    rows = np.exp(2j * np.pi * np.outer(np.arange(height), taps) / height)
    columns = np.exp(2j * np.pi * np.outer(np.arange(width // 2 + 1), taps) / width)
    phases = np.einsum("ua,vb->uvab", rows, columns)
    counts = np.full(phases.shape[:2], 2.0)
    counts[:, 0] = 1.0
    if width % 2 == 0:
        counts[:, -1] = 1.0
    cuts = np.cumsum(slice_sizes(height, num_slices(height)))[:-1]
    parts = zip(np.split(phases, cuts), np.split(counts, cuts), strict=True)
    return [Frequencies(phases.reshape(-1, kernel_size**2), counts.ravel()) for phases, counts in parts]


def transfer_matrices(kernel: tf.Tensor, part: Frequencies) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the real and the imaginary part of M_uv = Σ_ab K_ab exp(2πi(ua/H + vb/W)), `[F, C, C]`.

    Args:
      kernel: K, `[k², C, C]` = [tap, out, in], taps row by row, |a|, |b| ≤ k//2.
      part: the frequencies.
    """
    taps, shape = tf.reshape(kernel, [kernel.shape[0], -1]), [-1, *kernel.shape[1:]]
    phases = part.phases
    return tuple(tf.reshape(tf.constant(p, kernel.dtype) @ taps, shape) for p in (phases.real, phases.imag))


def inverses(kernel: tf.Tensor, parts: Sequence[Frequencies]) -> list[tf.Tensor]:
    """Returns M_uv⁻¹ of each part's frequencies, `[F, C, C]`, complex numbers of the kernel's precision."""
    return [linalg.complex_inverse(*transfer_matrices(kernel, part)) for part in parts]


def log_abs_det(kernel: tf.Tensor, parts: Sequence[Frequencies]) -> tf.Tensor:
    """Returns Σ_uv log |det M_uv| of all frequencies, computed in float64.

    The gradient is that of Re tr(M_uv⁻¹ ∂M_uv), with `inverses` of the kernel's precision.
    """

    @custom_gradient
    def total(kernel: tf.Tensor) -> Any:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            sums = []
            for part, inverse in zip(parts, inverses(tf.identity(kernel), parts), strict=True):
                weights = part.phases * part.counts[:, None]
                for p, numbers in ((weights.real, tf.math.real(inverse)), (-weights.imag, tf.math.imag(inverse))):
                    sums.append(tf.constant(p.T, kernel.dtype) @ tf.reshape(numbers, [len(p), -1]))
            by_tap = tf.linalg.matrix_transpose(tf.reshape(tf.add_n(sums), kernel.shape))
            return tf.cast(upstream, kernel.dtype) * by_tap

        exact = tf.cast(kernel, tf.float64)
        log_dets = [linalg.complex_log_abs_det(*transfer_matrices(exact, part)) for part in parts]
        return tf.add_n([tf.tensordot(p.counts, each, 1) for p, each in zip(parts, log_dets, strict=True)]), gradient

    return total(kernel)


def multiply_spectrum(matrices: Sequence[tf.Tensor], x: tf.Tensor) -> tf.Tensor:
    """Returns the images whose spectrum is that of x, at each frequency multiplied by a matrix.

    Args:
      matrices: of the frequencies of each part, `[F, C, C]`, complex.
      x: `[B, H, W, C]`.
    """
    return map_slices(lambda images: _multiply_spectrum(matrices, images), x)


def _multiply_spectrum(matrices: Sequence[tf.Tensor], x: tf.Tensor) -> tf.Tensor:
    height, width, channels = x.shape[1:]
    numbers = [part.shape[0] for part in matrices]
    spectrum = tf.signal.rfft2d(tf.transpose(x, [0, 3, 1, 2]))
    parts = tf.split(tf.reshape(tf.transpose(spectrum, [2, 3, 1, 0]), [sum(numbers), channels, -1]), numbers)
    spectrum = tf.concat([tf.matmul(*pair) for pair in zip(matrices, parts, strict=True)], axis=0)
    spectrum = tf.reshape(spectrum, [height, width // 2 + 1, channels, -1])
    return tf.transpose(tf.signal.irfft2d(tf.transpose(spectrum, [3, 2, 0, 1]), [height, width]), [0, 2, 3, 1])
