"""Affine maps of each row of an image, given the rows before it."""

from typing import Any, Literal

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.bijectors.elementwise.affine import Affine
from flowconv.core import arguments
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.weights import Normal
from flowconv.ops.shapes import batch_size

# Which axes are turned so that the order is from the first row to the last: whether transposed, whether reversed.
TURNS = {"down": (False, False), "up": (False, True), "right": (True, False), "left": (True, True)}


class RowAutoregressive(Bijector):
    """y_i = x_i ⊙ s + t, with s and t of row i a network of the rows before it (Ma et al. 2019).

    The network is a masked convolution that sees r = k//2 + 1 rows before, k columns wide; ELU; a 1×1 convolution,
    which is 0 at first. It has min(4C, 512) hidden channels. s is that of `Affine`, between 0.05 and 1.

    Inverse: row by row, each from those that are known, H steps (W of columns); exact, but each step enlarges an error
    of the rows before. Log-determinant: Σ log s. Cost of either way: one evaluation of the network at each pixel.

    Args:
      kernel_size: k, odd.
      order: "down" or "up" of rows, "right" or "left" of columns, each given those before.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import RowAutoregressive
      >>> layer = RowAutoregressive(kernel_size=3, order="up")
      >>> layer.build((None, 4, 4, 2))
      >>> layer.reset_weights(seed=0)
      >>> x = tf.ones([1, 4, 4, 2])
      >>> bool(tf.reduce_all(tf.abs(layer.inverse(layer.forward(x)) - x) < 1e-4))
      True
    """

    def __init__(self, kernel_size: int = 3, order: Literal["down", "up", "right", "left"] = "down", **kwargs: Any):
        super().__init__(**kwargs)
        self.kernel_size = arguments.kernel_size(kernel_size)
        self.transposed, self.reversed = arguments.choice(TURNS, order, "order")
        self.rows = self.kernel_size // 2 + 1
        self.transform = Affine()

    def build(self, input_shape: tuple[Any, ...]) -> None:
        channels = input_shape[-1]
        hidden, outputs = min(4 * channels, 512), self.transform.parameters_per_dim * channels
        shape = (self.rows, self.kernel_size, channels, hidden)
        self.kernel = self.add_weight(shape=shape, initializer=Normal(0.05), name="kernel")
        self.bias = self.add_weight(shape=(hidden,), initializer="zeros", name="bias")
        self.last = self.add_weight(shape=(1, 1, hidden, outputs), initializer="zeros", name="last")
        self.last_bias = self.add_weight(shape=(outputs,), initializer="zeros", name="last_bias")

    def parameters(self, above: tf.Tensor) -> tf.Tensor:
        """Returns those of n rows, `[B, n, W, 2C]`, given n + r − 1 rows, of which the last is above the last."""
        border = self.kernel_size // 2
        above = tf.pad(above, [[0, 0], [0, 0], [border, border], [0, 0]])
        hidden = tf.nn.elu(tf.nn.conv2d(above, self.kernel.value, 1, "VALID") + self.bias.value)
        return tf.nn.conv2d(hidden, self.last.value, 1, "VALID") + self.last_bias.value

    def _turn(self, x: tf.Tensor) -> tf.Tensor:
        """Returns x with the first row of the order at the top."""
        x = tf.transpose(x, [0, 2, 1, 3]) if self.transposed else x
        return tf.reverse(x, [1]) if self.reversed else x

    def _turn_back(self, x: tf.Tensor) -> tf.Tensor:
        x = tf.reverse(x, [1]) if self.reversed else x
        return tf.transpose(x, [0, 2, 1, 3]) if self.transposed else x

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        x = self._turn(x)
        above = tf.pad(x[:, :-1], [[0, 0], [self.rows, 0], [0, 0], [0, 0]])
        y, log_det = self.transform.forward_and_log_det(x, self.parameters(above))
        return self._turn_back(y), log_det

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        y = self._turn(y)
        nothing = tf.zeros([batch_size(y), 1, *y.shape[2:]], y.dtype)
        rows, log_dets = [nothing] * self.rows, []
        for row in tf.split(y, y.shape[1], axis=1):
            parameters = self.parameters(tf.concat(rows[-self.rows :], axis=1))
            x, log_det = self.transform.inverse_and_log_det(row, parameters)
            rows.append(x)
            log_dets.append(log_det)
        return self._turn_back(tf.concat(rows[self.rows :], axis=1)), tf.add_n(log_dets)
