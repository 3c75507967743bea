"""A given order of channels."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from flowconv.bijectors.reshape.permutation import Permutation


class Reorder(Permutation):
    """y_c = x_π(c) with a permutation that is given.

    Args:
      order: π(0), …, π(C − 1).

    Raises:
      ValueError: if it is no order of 0, …, C − 1 or, of an image, C is another number than its channels'.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Reorder
      >>> Reorder([2, 0, 1]).forward(tf.reshape([0.0, 1.0, 2.0], [1, 1, 1, 3])).numpy().ravel().tolist()
      [2.0, 0.0, 1.0]
    """

    def __init__(self, order: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        self.order = list(order)
        if sorted(self.order) != list(range(len(self.order))):
            raise ValueError(f"order must have each of 0 to {len(self.order) - 1} once, got {self.order}")

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if shape[-1] != len(self.order):
            raise ValueError(f"{self.name}: expected {len(self.order)} channels, got {shape[-1]}")
        return tuple(shape)

    def permutation(self, channels: int) -> tf.Tensor:
        return tf.constant(self.order, tf.int32)
