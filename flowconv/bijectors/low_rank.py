"""Maps that differ from the identity by a matrix of low rank."""

from typing import Any, Literal

import numpy as np
import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.core import arguments
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.weights import Normal
from flowconv.ops import linalg
from flowconv.ops.shapes import per_example, pixels

MARGIN = 0.95  # of the norm of V U: I + V U is no nearer to singular than 0.05


class LowRank(Bijector):
    """y = (I + U V) x, over the channels of each pixel or over the pixels of each channel (Lu & Huang 2020).

    U is `[n, d]`, V `[d, n]`; n is C, or H·W. Inverse, by Woodbury's identity: x = y − U (I + V U)⁻¹ V y.
    Log-determinant, by Sylvester's: log |det (I + V U)|, a d×d matrix in float64, times H·W or C. Starts as the
    identity.

    U is scaled down so that the Frobenius norm of V U is at most 0.95. So all eigenvalues of I + U V are within 0.95 of
    1: it is never singular. Its condition number has no such bound, since U and V alone may be large: watch it.

    Cost: O(B·H·W·C·d) each, and O(d³). Over pixels it has 2·d·H·W parameters, which belong to images of one size.

    Args:
      over: "channels" or "pixels".
      rank: d; n, if that is less.

    Example:
      >>> from flowconv.bijectors import LowRank
      >>> layer = LowRank("pixels", rank=2)
      >>> layer.build((None, 4, 4, 3))
      >>> tuple(layer.u.shape), tuple(layer.v.shape)
      ((16, 2), (2, 16))
    """

    def __init__(self, over: Literal["channels", "pixels"] = "channels", rank: int = 16, **kwargs: Any):
        super().__init__(**kwargs)
        self.over = arguments.choice({"channels": "channels", "pixels": "pixels"}, over, "over")
        arguments.whole(1, rank=rank)
        self.rank = rank

    def build(self, input_shape: tuple[Any, ...]) -> None:
        height, width, channels = input_shape[-3:]
        n = channels if self.over == "channels" else height * width
        rank = min(self.rank, n)
        self.u = self.add_weight(shape=(n, rank), initializer="zeros", name="u")
        self.v = self.add_weight(shape=(rank, n), initializer=Normal(n**-0.5), name="v")

    def factors(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns U, scaled down if need be, and V."""
        u, v = tf.convert_to_tensor(self.u.value), tf.convert_to_tensor(self.v.value)
        square = tf.reduce_sum((v @ u) ** 2)
        return u * tf.math.rsqrt(tf.maximum(square / MARGIN**2, 1.0)), v

    def _small(self) -> tf.Tensor:
        """I + V U, `[d, d]`."""
        u, v = self.factors()
        return tf.eye(v.shape[0], dtype=v.dtype) + v @ u

    def _add(self, x: tf.Tensor, u: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
        """Returns x + U V x."""
        if self.over == "channels":
            rows = tf.reshape(x, [-1, x.shape[-1]])
            more = tf.matmul(tf.matmul(rows, v, transpose_b=True), u, transpose_b=True)
        else:
            more = tf.matmul(u, tf.matmul(v, tf.reshape(x, [-1, x.shape[1] * x.shape[2], x.shape[3]])))
        return x + tf.reshape(more, tf.shape(x))

    def _log_det(self, x: tf.Tensor) -> tf.Tensor:
        times = pixels(x) if self.over == "channels" else float(x.shape[-1])
        return per_example(times * linalg.log_abs_det(self._small()), x)

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return self._add(x, *self.factors()), self._log_det(x)

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        u, v = self.factors()
        return self._add(y, -u @ linalg.inverse(self._small()), v), -self._log_det(y)

    def singular_values(self) -> dict[str, np.ndarray]:
        u, v = (factor.numpy() for factor in self.factors())
        # Those of I + U V that are not 1 are those of a map of the space that U and V's rows span.
        basis, _ = np.linalg.qr(np.concatenate([u, v.T], axis=1))
        return {"low_rank": linalg.singular_values(np.eye(basis.shape[1]) + (basis.T @ u) @ (v @ basis))}
