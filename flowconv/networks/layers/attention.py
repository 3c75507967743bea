"""Self-attention."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from flowconv.ops.attention import attention
from flowconv.ops.rows import write_rows


def self_attention(
    queries_keys_values: tf.Tensor, heads: int, causal: bool = False, temperature: float = 1.0
) -> tf.Tensor:
    """Returns softmax(QKᵀ/√d)V of each head, all heads' side by side: `[B, H, W, 3·F]` → `[B, H, W, F]`.

    Every pixel attends to all pixels of its image. The softmax has at least float32's precision.

    Args:
      queries_keys_values: F channels of each; a head has d = F/heads of them, next to one another.
      heads: how many there are.
      causal: whether a pixel attends to itself and to those alone that come before it, row by row.
      temperature: by which logits are divided.

    References:
      Vaswani et al. 2017, "Attention Is All You Need".
    """
    queries, keys, values = _of_heads(queries_keys_values, heads, temperature)
    pixels = queries.shape[2]
    mask = tf.constant(np.tri(pixels, dtype=bool)) if causal else None
    return _merged(attention(queries, keys, values, mask), queries_keys_values)


class Cache(NamedTuple):
    """Keys and values of a causal attention, `[B, heads, T, d]`; of pixels still to come anything that is finite."""

    keys: tf.Tensor
    values: tf.Tensor


def extended_attention(
    queries_keys_values: tf.Tensor, heads: int, cache: Cache, first: tf.Tensor | int, temperature: float = 1.0
) -> tuple[tf.Tensor, Cache]:
    """Returns causal attention of a few pixels in a row, and the keys and values that are known then.

    Args:
      queries_keys_values: as of `self_attention`, of pixels `[B, S, 1, 3·F]`.
      heads: how many there are.
      cache: of the pixels before.
      first: place of the first pixel among all.
      temperature: by which logits are divided.
    """
    queries, keys, values = _of_heads(queries_keys_values, heads, temperature)
    kept = Cache(*(write_rows(old, new, first) for old, new in zip(cache, (keys, values), strict=True)))
    places = first + tf.range(queries.shape[2])
    mask = tf.range(kept.keys.shape[2]) <= places[:, None]
    return _merged(attention(queries, *kept, mask), queries_keys_values), kept


def _of_heads(queries_keys_values: tf.Tensor, heads: int, temperature: float) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Queries, which are scaled, keys and values, `[B, heads, T, d]` each."""
    _, height, width, channels = queries_keys_values.shape
    size = channels // 3 // heads
    parts = tf.reshape(queries_keys_values, [-1, height * width, 3, heads, size])
    queries, keys, values = tf.unstack(tf.transpose(parts, [2, 0, 3, 1, 4]))
    return queries * (size**-0.5 / temperature), keys, values


def _merged(attended: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """All heads' results side by side, `[B, H, W, F]`."""
    merged = tf.transpose(attended, [0, 2, 1, 3])
    return tf.reshape(merged, [-1, *like.shape[1:3], like.shape[-1] // 3])


def check_heads(heads: int, width: int) -> None:
    """Raises a ValueError if the channels of a layer can't be given to so many heads."""
    if width % heads:
        raise ValueError(
            f"width must be divisible by heads = {heads}, since a head has width/heads channels, got {width}"
        )
