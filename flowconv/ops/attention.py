"""Dot-product attention, whose gradient passes as seldom over the weights of all pairs as it can."""

from typing import Any

import tensorflow as tf

from flowconv.ops.custom_gradient import custom_gradient


def attention(queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
    """Returns softmax(QKᵀ)V, `[…, T, d]` as the queries; the softmax has at least float32's precision.

    The softmax' own gradient adds up products of its T² weights P, in each row Σ_j P_ij·dP_ij. Since P is multiplied by
    V next, that is Σ_c y_ic·dy_ic, of the d channels of the output y. Logits are not kept.

    Args:
      queries: `[…, T, d]`.
      keys: `[…, S, d]`.
      values: as the keys.
      mask: `[T, S]`, whether a query sees a key, of which it sees one at least (default: it sees all).
    """

    @custom_gradient
    def attend(queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor) -> Any:
        dtype = queries.dtype
        precision = tf.float32 if dtype.size < 4 else dtype
        logits = tf.matmul(queries, keys, transpose_b=True)
        if mask is not None:
            logits = tf.where(mask, logits, tf.constant(dtype.min, dtype))
        weights = tf.cast(tf.nn.softmax(tf.cast(logits, precision)), dtype)
        y = tf.matmul(weights, values)

        def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            dweights = tf.cast(tf.matmul(dy, values, transpose_b=True), precision)
            along = tf.reduce_sum(tf.cast(y, precision) * tf.cast(dy, precision), -1, keepdims=True)
            dlogits = tf.cast(tf.cast(weights, precision) * (dweights - along), dtype)
            dqueries, dkeys = tf.matmul(dlogits, keys), tf.matmul(dlogits, queries, transpose_a=True)
            return dqueries, dkeys, tf.matmul(weights, dy, transpose_a=True)

        return y, gradient

    return attend(queries, keys, values)
