"""Dot-product attention, on CPUs a block of the weights of all pairs at a time."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from flowconv.ops.backends import runs_on_cpu
from flowconv.ops.custom_gradient import custom_gradient

BLOCK_BYTES = 2**20  # of weights at a time, on CPUs: they stay in a core's own cache


def attention(queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
    """Returns softmax(QKᵀ)V, `[…, T, d]` as the queries; the softmax has at least float32's precision.

    `tf.nn.softmax` would be simpler. But it passes six times over the T² weights of each head, and no cache holds those
    of a batch. Where they are many, a block of heads goes through all of it before the next one does, and the gradient
    computes its weights again, as FlashAttention's does. A step of a small Flow++ takes five sixths of the time.

    Args:
      queries: `[…, T, d]`.
      keys: `[…, S, d]`.
      values: as the keys.
      mask: `[T, S]`, whether a query sees a key, of which it sees one at least (default: it sees all).

    References:
      Dao, Fu, Ermon, Rudra, Ré 2022, "FlashAttention: Fast and Memory-Efficient Exact Attention with IO-Awareness".
    """
    dtype = queries.dtype
    precision = tf.float32 if dtype.size < 4 else dtype
    heads = _at_once(queries, keys, precision)

    def logits_of(queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
        logits = tf.matmul(queries, keys, transpose_b=True)
        if mask is not None:
            logits = tf.where(mask, logits, tf.constant(dtype.min, dtype))
        return tf.cast(logits, precision)

    def forward(queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor) -> tuple[tf.Tensor, ...]:
        logits = logits_of(queries, keys)
        largest = tf.reduce_max(logits, -1, keepdims=True)
        weights = tf.exp(logits - largest)
        total = tf.reduce_sum(weights, -1, keepdims=True)
        # Divided are the d numbers of a query, not its weights.
        y = tf.cast(tf.matmul(tf.cast(weights, dtype), values), precision) / total
        return tf.cast(y, dtype), total, weights if heads is None else largest

    def backward(
        queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor, dy: tf.Tensor, along: tf.Tensor, kept: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        weights = kept if heads is None else tf.exp(logits_of(queries, keys) - kept)
        dweights = tf.cast(tf.matmul(dy, values, transpose_b=True), precision)
        dlogits = tf.cast(weights * (dweights - along), dtype)
        dqueries, dkeys = tf.matmul(dlogits, keys), tf.matmul(dlogits, queries, transpose_a=True)
        return dqueries, dkeys, tf.matmul(tf.cast(weights, dtype), dy, transpose_a=True)

    @custom_gradient
    def attend(queries: tf.Tensor, keys: tf.Tensor, values: tf.Tensor) -> Any:
        y, total, kept = _in_blocks(forward, (queries, keys, values), heads, (dtype, precision, precision))

        def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, ...]:
            dy = tf.cast(tf.ensure_shape(dy, y.shape), precision) / total  # (another loop may have lost its shape)
            # Of the softmax' own gradient: in each row Σ_j P_ij·dP_ij, which is Σ_c y_ic·dy_ic of d channels.
            along = tf.reduce_sum(tf.cast(y, precision) * dy, -1, keepdims=True)
            given = (queries, keys, values, tf.cast(dy, dtype), along, kept)
            return _in_blocks(backward, given, heads, 3 * (dtype,))

        return y, gradient

    return attend(queries, keys, values)


def _at_once(queries: tf.Tensor, keys: tf.Tensor, precision: tf.DType) -> int | None:
    """The number of an image's heads that make a block; None: all of all images do."""
    *_, heads, length, _ = queries.shape
    bytes_of_head = length * keys.shape[-2] * precision.size
    # A loop costs more than it saves where an image has few pairs; other backends have kernels of their own.
    if not runs_on_cpu() or heads is None or heads * bytes_of_head <= BLOCK_BYTES:
        return None
    return max(n for n in range(1, heads + 1) if heads % n == 0 and (n == 1 or n * bytes_of_head <= BLOCK_BYTES))


def _in_blocks(
    function: Callable[..., tuple[tf.Tensor, ...]],
    tensors: Sequence[tf.Tensor],
    heads: int | None,
    dtypes: Sequence[tf.DType],
) -> tuple[tf.Tensor, ...]:
    """The results of a function of tensors `[…, heads, T, d]`, computed for so many heads at a time."""
    if heads is None:
        return function(*tensors)
    blocks = [tf.reshape(tensor, [-1, heads, *tensor.shape[-2:]]) for tensor in tensors]
    results = tf.map_fn(
        lambda block: function(*block), tuple(blocks), fn_output_signature=tuple(dtypes), parallel_iterations=1
    )
    shape = tf.shape(tensors[0])[:-2]
    shaped = [tf.reshape(result, tf.concat([shape, tf.shape(result)[-2:]], 0)) for result in results]
    lead = tensors[0].shape[:-2]
    return tuple(
        tf.ensure_shape(each, [*lead, *result.shape[-2:]]) for each, result in zip(shaped, results, strict=True)
    )
