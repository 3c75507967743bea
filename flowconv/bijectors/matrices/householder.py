"""Products of Householder reflections."""

import keras
import numpy as np
import scipy.linalg
import tensorflow as tf

from flowconv.bijectors.matrices.matrix import random_rotation


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


class RotationReflectors(keras.initializers.Initializer):
    """What a random rotation is made of: H_1 ⋯ H_C·diag(±1); parts of one seed belong together.

    Args:
      part: "vectors": the v_i, which have a 1 on the diagonal and zeros above, below it: [C, C], zero elsewhere;
        "below": the same numbers as [C(C−1)/2], row by row; "sign": the ±1, [C].
      channels: C.
      seed: of the rotation.
    """

    def __init__(self, part: str, channels: int, seed: int):
        self.part = part
        self.channels = channels
        self.seed = seed

    def get_config(self):
        return {"part": self.part, "channels": self.channels, "seed": self.seed}

    def __call__(self, shape, dtype=None):
        (compact, _), upper = scipy.linalg.qr(random_rotation(self.channels, self.seed), mode="raw")
        sign = np.sign(np.diag(upper))
        sign[-1] *= -1.0  # LAPACK has no H_C; here it is there and changes the last sign alone
        below = np.tri(self.channels, k=-1, dtype=bool)
        parts = {"vectors": compact * below, "below": compact[below], "sign": sign}
        return tf.constant(parts[self.part], dtype)
