"""L2 self-attention."""

import math
from typing import Any

import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.lipschitz_network import LipschitzNetwork
from flowconv.core.weights import Normal
from flowconv.networks.layers.attention import check_heads
from flowconv.networks.layers.patches import check_patch_size, patches, pixels
from flowconv.ops.shapes import batch_size
from flowconv.ops.spectral_norm import matrix_norm_bound


class L2AttentionNetwork(LipschitzNetwork):
    """Self-attention by squared distances: a contraction, which dot products can't be (Kim et al. 2021).

    Tokens X are patches of an image, to which a learned table of positions is added. A head with matrices Q, V of d
    columns gives P X A V, A = QQᵀ/√d, P_ij = softmax_j(−|(x_i − x_j)Q|²/√d). All heads' results, times a matrix O, are
    the output, F(X), scaled down to the contraction: g(X) = F(X)·min(1, contraction/bound).

    The bound: in the metric of A let r_ij be the squared distance of tokens i and j. The largest Σ_j P_ij·r_ij of N
    tokens is c, the solution of c·exp(c + 1) = N − 1; b is that of two tokens. In a head's differential dx_i enters
    token i by twice the covariance of tokens under P_i, at most 2c. The dx_j enter it by P_ij, and together by at most
    2·√(c·Σ_j P_ij·r_ij·|dx_j|²) more (Cauchy–Schwarz). A column of P adds up to (N + 1)/2 at most, since P_ij ≤ ½ of
    two tokens, and one of P_ij·r_ij to (N − 1)·b. So

        Lip(P X A) ≤ κ·|A|,   κ = √((N + 1)/2) + 2c + 2·√(c·b·(N − 1)),
        bound = κ/√d · √(Σ_heads |Q|⁴·|V|²) · |O|,

    with bounds of the largest singular values. κ is 23 of 64 tokens: of many the network is small at first.

    Args:
      width: columns of all heads together.
      heads: of the attention, which divide the width.
      patch_size: p; a token is a patch of p×p pixels, which divide the image.
      contraction: the Lipschitz constant of the network, below 1.

    Raises:
      ValueError: for a contraction that is none, if heads don't divide the width or, when it is built, patches the
        image.

    Example:
      >>> from flowconv.bijectors import Residual
      >>> from flowconv.networks.l2_attention import L2AttentionNetwork
      >>> layer = Residual(L2AttentionNetwork(width=8, heads=2, patch_size=2))
      >>> layer.build((None, 8, 8, 3))

    References:
      Kim, Papamakarios, Mnih 2021, "The Lipschitz Constant of Self-Attention".
    """

    def __init__(self, width: int = 512, heads: int = 8, patch_size: int = 1, contraction: float = 0.9, **kwargs: Any):
        super().__init__(contraction, **kwargs)
        arguments.whole(1, width=width, heads=heads, patch_size=patch_size)
        check_heads(heads, width)
        self.width = width
        self.heads = heads
        self.patch_size = patch_size

    def build(self, input_shape: tuple[Any, ...]) -> None:
        height, width, channels = input_shape[-3:]
        size = self.patch_size
        check_patch_size(size, height, width)
        self.tokens = (height // size, width // size)
        self.channels = size**2 * channels
        per_head = self.width // self.heads
        shape = (self.heads, self.channels, per_head)
        self.build_embedding((None, *self.tokens, self.channels))
        self.positions = self.add_weight(
            shape=(*self.tokens, self.channels), initializer=Normal(0.01), name="positions"
        )
        self.query = self.add_weight(shape=shape, initializer=Normal(self.channels**-0.5), name="query")
        self.value = self.add_weight(shape=shape, initializer=Normal(self.channels**-0.5), name="value")
        shape = (self.width, size**2 * self.outputs)
        self.merge = self.add_weight(shape=shape, initializer=Normal(self.width**-0.5), name="merge")

    def call(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        query, mix, output = inputs.once(self.weights_in, self.computing_dtype(inputs))
        x = patches(tf.cast(x, query.dtype), self.patch_size) + tf.cast(self.positions.value, query.dtype)
        x = tf.reshape(self.add_embedding(x, inputs), [batch_size(x), math.prod(self.tokens), self.channels])
        queries = tf.einsum("bnc,hcd->bhnd", x, query)
        # |q_i − q_j|² without |q_i|², of which a softmax over j doesn't depend.
        distances = tf.reduce_sum(queries**2, -1)[..., None, :] - 2.0 * tf.matmul(queries, queries, transpose_b=True)
        weights = tf.nn.softmax(-distances * (self.width // self.heads) ** -0.5)
        attended = tf.matmul(weights, tf.einsum("bhnd,hde->bhne", queries, mix))
        attended = tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), [-1, *self.tokens, self.width])
        return pixels(tf.tensordot(attended, output, 1), self.patch_size)

    def weights_in(self, dtype: str) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns Q, QᵀV/√d `[heads, d, d]`, and O, which makes it a contraction, in this dtype."""
        query, value, output = self.query.value, self.value.value, self.merge.value
        limit = self.contraction / tf.maximum(self.bound(), self.contraction)
        mix = tf.matmul(query, value, transpose_a=True) * (self.width // self.heads) ** -0.5
        return tf.cast(query, dtype), tf.cast(mix, dtype), tf.cast(output * limit, dtype)

    def bound(self) -> tf.Tensor:
        """Returns the bound of the Lipschitz constant of F."""
        of_heads = matrix_norm_bound(self.query.value) ** 4 * matrix_norm_bound(self.value.value) ** 2
        scale = tokens_factor(math.prod(self.tokens)) * (self.width // self.heads) ** -0.5
        return scale * tf.sqrt(tf.reduce_sum(of_heads)) * matrix_norm_bound(self.merge.value)


def tokens_factor(tokens: int) -> float:
    """Returns κ of N tokens.

    Example:
      >>> from flowconv.networks.l2_attention import tokens_factor
      >>> round(tokens_factor(1), 3)
      1.0
    """
    spread = _largest_spread(tokens)
    return math.sqrt((tokens + 1) / 2) + 2 * spread + 2 * math.sqrt(spread * _largest_spread(2) * (tokens - 1))


def _largest_spread(tokens: int) -> float:
    """The largest mean squared distance from a token under its weights: c of c·exp(c + 1) = N − 1, by bisection."""
    low, high = 0.0, float(tokens)
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if middle * math.exp(middle + 1) < tokens - 1 else (low, middle)
    return high
