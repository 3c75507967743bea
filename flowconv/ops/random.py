"""Randomness without state: what is drawn depends on numbers that stand in the call."""

from __future__ import annotations

import math
from typing import NamedTuple

import tensorflow as tf

PHILOX = 1  # tf.random's number for the algorithm
# Of SplitMix64 (Steele et al. 2014), as signed numbers: int64 products wrap around.
GOLDEN, MIX = 0x9E3779B97F4A7C15 - 2**64, 0xBF58476D1CE4E5B9 - 2**64


class Seed(NamedTuple):
    """The seed of a batch: an example's draws depend on `key`, `stream` and the example's own number alone.

    So they are the same whatever the batch size, and however many workers or slices share the examples.

    Attributes:
      key: the seed itself, a whole number.
      first: number of the batch's first example in its data set or stream of images.
      stream: another one gives other draws for the same examples.
      folded: numbers of the parts of a flow that the seed went through; each makes it another stream.

    Example:
      >>> from flowconv.bijectors import Seed
      >>> both, second = Seed(0).uniform((2, 3)), Seed(0, first=1).uniform((1, 3))
      >>> bool((both[1].numpy() == second[0].numpy()).all())
      True
    """

    key: tf.Tensor | int
    first: tf.Tensor | int = 0
    stream: tf.Tensor | int = 0
    folded: tuple[tf.Tensor | int, ...] = ()

    def fold_in(self, number: tf.Tensor | int) -> Seed:
        """Returns the seed of another stream: one for each number."""
        return self._replace(folded=(*self.folded, number))  # (mixed where it is used: most seeds are not)

    def skip(self, examples: tf.Tensor | int) -> Seed:
        """Returns the seed of the rest of the batch, without so many examples."""
        return self._replace(first=tf.cast(self.first, tf.int64) + tf.cast(examples, tf.int64))

    def uniform(self, shape: tuple[int, ...]) -> tf.Tensor:
        """Returns u ~ U[0, 1), float32 `shape` = [B, …].

        Each example has its own interval of the counter of the Philox generator (Salmon et al. 2011), which gives four
        numbers a count.
        """
        numbers = tf.TensorShape(shape[1:]).num_elements()
        counts = -(-numbers // 4)
        # Bits of the generator itself: what tf.random makes of seeds and floats differs between XLA and CPU kernels.
        key = tf.cast(tf.reshape(self.key, [1]), tf.uint64)
        count = tf.cast(self.first, tf.int64) * counts
        counter = tf.cast(tf.stack([count, self._mixed_stream()]), tf.uint64)
        bits = tf.raw_ops.StatelessRandomUniformFullIntV2(
            shape=[shape[0], 4 * counts], key=key, counter=counter, alg=PHILOX, dtype=tf.uint32
        )
        bits = tf.reshape(bits[:, :numbers], shape)
        return tf.cast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.float32) * 2.0**-24

    def normal(self, shape: tuple[int, ...]) -> tf.Tensor:
        """Returns ε ~ N(0, 1), float32 `shape` = [B, …]: √2·erf⁻¹(v) of v ~ U(−1, 1), at most 5.4 in size.

        The inverse of the distribution function takes one uniform number each. None is ±∞, and in float64, of which the
        result is rounded, compilers agree.
        """
        v = 2.0 * tf.cast(self.uniform(shape), tf.float64) - (1.0 - 2.0**-24)  # middles of intervals, never ±1
        return tf.cast(math.sqrt(2.0) * tf.math.erfinv(v), tf.float32)

    def _mixed_stream(self) -> tf.Tensor:
        stream = tf.cast(self.stream, tf.int64)
        for number in self.folded:
            stream += (tf.cast(number, tf.int64) + 1) * GOLDEN
            stream = tf.bitwise.bitwise_xor(stream, tf.bitwise.right_shift(stream, tf.constant(30, tf.int64))) * MIX
            stream = tf.bitwise.bitwise_xor(stream, tf.bitwise.right_shift(stream, tf.constant(27, tf.int64)))
        return stream


def empty(shape: tuple[int, ...], dtype: str | None = None) -> tf.Tensor:
    """Returns a tensor that holds anything: an initializer of what is set later, which takes memory without a touch.

    Example:
      >>> from flowconv.ops.random import empty
      >>> empty((2, 3), "float32").shape
      TensorShape([2, 3])
    """
    return tf.raw_ops.Empty(shape=shape, dtype=tf.as_dtype(dtype))
