"""Random rotations, and what they are made of."""

import functools
from typing import Any

import numpy as np
import scipy.linalg
import tensorflow as tf

from flowconv.core.weights import RandomInitializer
from flowconv.ops.log_scale import LIMIT


def random_rotation(channels: int, seed: int) -> np.ndarray:
    """Returns a rotation matrix (orthogonal, determinant 1), drawn uniformly, float64 `[C, C]`."""
    q, r = np.linalg.qr(np.random.default_rng(seed).standard_normal((channels, channels)))
    q *= np.sign(np.diag(r))  # makes the draw uniform (Mezzadri 2007)
    q[0] *= np.sign(np.linalg.det(q))
    return q


def reflections(vectors: tf.Tensor) -> tf.Tensor:
    """Returns H_1 ⋯ H_n with H_i = I − 2 v_i v_iᵀ / |v_i|², an orthogonal matrix, `[C, C]`.

    The product is I − V S⁻¹ Vᵀ, with S the strict upper triangle of VᵀV and half its diagonal
    (Joffrain et al. 2006): one triangular solve instead of n updates.

    Args:
      vectors: V = (v_1, …, v_n), `[C, n]`, none of them 0.
    """
    gram = tf.matmul(vectors, vectors, transpose_a=True)
    upper = tf.linalg.set_diag(tf.linalg.band_part(gram, 0, -1), 0.5 * tf.linalg.diag_part(gram))
    solved = tf.linalg.triangular_solve(upper, tf.linalg.matrix_transpose(vectors), lower=False)
    return tf.eye(vectors.shape[0], dtype=vectors.dtype) - vectors @ solved


class Rotation(RandomInitializer):
    """A random rotation matrix; the identity at construction."""

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> tf.Tensor:
        return tf.eye(shape[-1], dtype=dtype)

    def draw(self, shape: tuple[int, ...], dtype: Any, seed: int) -> tf.Tensor:
        return tf.constant(random_rotation(shape[-1], seed), dtype)


class RotationFactor(RandomInitializer):
    """One factor of the PLU decomposition of a random rotation; factors of one source belong together.

    Args:
      factor: "permutation", "triangles" (L below the diagonal, U above), "sign" or "log_diagonal", softly clipped.
      source: another factor of the same matrix (default: this is the first).
    """

    def __init__(self, factor: str, source: RandomInitializer | None = None):
        super().__init__(source)
        self.factor = factor

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> tf.Tensor:
        if self.factor == "permutation":
            return tf.range(shape[0], dtype=dtype)
        return tf.ones(shape, dtype) if self.factor == "sign" else tf.zeros(shape, dtype)

    def draw(self, shape: tuple[int, ...], dtype: Any, seed: int) -> tf.Tensor:
        return tf.constant(_factors(shape[-1], seed)[self.factor], dtype)


@functools.lru_cache(maxsize=128)  # each is asked for once a factor
def _factors(channels: int, seed: int) -> dict[str, np.ndarray]:
    p, lower, upper = scipy.linalg.lu(random_rotation(channels, seed))
    diagonal = np.diag(upper)
    limited = np.log(np.abs(diagonal)) / LIMIT
    return {
        "permutation": np.argmax(p, axis=1),
        "triangles": np.tril(lower, -1) + np.triu(upper, 1),
        "sign": np.sign(diagonal),
        "log_diagonal": LIMIT * np.arctanh(limited),
    }


class RotationReflectors(RandomInitializer):
    """One part of a random rotation as H_1 ⋯ H_C·diag(±1); parts of one source belong together.

    At construction the v_i are unit vectors, whose reflections are −I together, and the signs −1.

    Args:
      part: "vectors": the v_i, which have a 1 on the diagonal and zeros above, below it: [C, C], zero elsewhere;
        "below": the same numbers as [C(C−1)/2], row by row; "sign": the ±1, [C].
      channels: C.
      source: another part of the same rotation (default: this is the first).
    """

    def __init__(self, part: str, channels: int, source: RandomInitializer | None = None):
        super().__init__(source)
        self.part = part
        self.channels = channels

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> tf.Tensor:
        return -tf.ones(shape, dtype) if self.part == "sign" else tf.zeros(shape, dtype)

    def draw(self, shape: tuple[int, ...], dtype: Any, seed: int) -> tf.Tensor:
        (compact, _), upper = scipy.linalg.qr(random_rotation(self.channels, seed), mode="raw")
        sign = np.sign(np.diag(upper))
        sign[-1] *= -1.0  # LAPACK has no H_C; here it is there and changes the last sign alone
        below = np.tri(self.channels, k=-1, dtype=bool)
        parts = {"vectors": compact * below, "below": compact[below], "sign": sign}
        return tf.constant(parts[self.part], dtype)
