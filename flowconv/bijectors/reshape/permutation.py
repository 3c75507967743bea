"""Permutations of channels."""

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.core.inputs import NONE, Inputs
from flowconv.ops.permute import permute
from flowconv.ops.shapes import per_example


class Permutation(Bijector):
    """y_c = x_π(c): a fixed permutation of the channels.

    The inverse puts them back, the log-determinant is 0. Cost: a copy. A layer writes `permutation`.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Permutation
      >>> class Turned(Permutation):
      ...     def permutation(self, channels):
      ...         return tf.roll(tf.range(channels), -1, axis=0)
      >>> Turned().forward(tf.reshape([0.0, 1.0, 2.0], [1, 1, 1, 3])).numpy().ravel().tolist()
      [1.0, 2.0, 0.0]
    """

    def permutation(self, channels: int) -> tf.Tensor:
        """Returns π, int32 `[C]`."""
        raise NotImplementedError

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return permute(x, self.permutation(x.shape[-1])), per_example(0.0, x)

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return permute(y, tf.math.invert_permutation(self.permutation(y.shape[-1]))), per_example(0.0, y)
