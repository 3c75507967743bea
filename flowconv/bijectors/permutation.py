"""Permutations of channels."""

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector, per_example


class Permutation(Bijector):
    """y_c = x_π(c): a fixed permutation of the channels.

    The inverse puts them back, the log-determinant is 0. Cost: a copy. A layer writes `permutation`.
    """

    def permutation(self, channels: int) -> tf.Tensor:
        """Returns π, int32 `[C]`."""
        raise NotImplementedError

    def forward_and_log_det(self, x):
        return _permute(x, self.permutation(x.shape[-1])), per_example(0.0, x)

    def inverse_and_log_det(self, y):
        return _permute(y, tf.argsort(self.permutation(y.shape[-1]))), per_example(0.0, y)


@tf.custom_gradient
def _permute(x, order):
    # (TensorFlow's own gradient of a gather adds rows up one by one.)
    return tf.gather(x, order, axis=-1), lambda dy: (tf.gather(dy, tf.argsort(order), axis=-1), None)
