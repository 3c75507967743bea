"""Self-attention."""

import tensorflow as tf

from flowconv.ops.attention import attention


def self_attention(queries_keys_values: tf.Tensor, heads: int) -> tf.Tensor:
    """Returns softmax(QKᵀ/√d)V of each head, all heads' side by side: `[B, H, W, 3·F]` → `[B, H, W, F]`.

    Every pixel attends to all pixels of its image. The softmax has at least float32's precision.

    Args:
      queries_keys_values: F channels of each; a head has d = F/heads of them, next to one another.
      heads: how many there are.

    References:
      Vaswani et al. 2017, "Attention Is All You Need".
    """
    _, height, width, channels = queries_keys_values.shape
    filters, pixels = channels // 3, height * width
    parts = tf.reshape(queries_keys_values, [-1, pixels, 3, heads, filters // heads])
    queries, keys, values = tf.unstack(tf.transpose(parts, [2, 0, 3, 1, 4]))
    attended = attention(queries * (filters // heads) ** -0.5, keys, values)
    merged = tf.transpose(attended, [0, 2, 1, 3])
    return tf.reshape(merged, [-1, height, width, filters])


def check_heads(heads: int, width: int) -> None:
    """Raises a ValueError if the channels of a layer can't be given to so many heads."""
    if width % heads:
        raise ValueError(
            f"width must be divisible by heads = {heads}, since a head has width/heads channels, got {width}"
        )
