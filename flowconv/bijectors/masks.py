"""Masks: the part of an image's numbers that a coupling changes, and the part that stays."""

import numpy as np
import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.serialization import Configured
from flowconv.ops.shapes import batch_size


class Mask(Configured):
    """Two halves of an image's numbers, and how a network that sees one gives parameters for the other."""

    def network_channels(self, shape: tuple[int, int, int]) -> tuple[int, int]:
        """Returns the channels that the network sees, and those that each parameter comes in, of images (H, W, C).

        Raises:
          ValueError: if such images have no two halves.
        """
        raise NotImplementedError

    def split(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns x_a, which changes, and x_b, which stays."""
        raise NotImplementedError

    def merge(self, x_a: tf.Tensor, x_b: tf.Tensor) -> tf.Tensor:
        """Returns x."""
        raise NotImplementedError

    def network_input(self, x_b: tf.Tensor) -> tf.Tensor:
        """Returns what the network sees of x_b, an image."""
        return x_b

    def parameters(self, outputs: tf.Tensor) -> tf.Tensor:
        """Returns of the network's outputs, an image, those for x_a."""
        return outputs


class ChannelMask(Mask):
    """x_a is the first half of the channels, x_b the second: `[B, H, W, C/2]` each. C must be even."""

    def network_channels(self, shape: tuple[int, ...]) -> tuple[int, int]:
        channels = shape[-1]
        if channels % 2:
            raise ValueError(f"halves of the channels need an even number of them, got {channels}")
        return channels // 2, channels // 2

    def split(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.split(x, 2, axis=-1)

    def merge(self, x_a: tf.Tensor, x_b: tf.Tensor) -> tf.Tensor:
        return tf.concat([x_a, x_b], axis=-1)


class CheckerboardMask(Mask):
    """x_a are the fields of one colour, x_b those of the other (Dinh et al. 2017, section 3.4).

    Both are `[B, H, W/2, C]`, row by row. The network sees an image whose fields of x_a are 0. W must be even.

    Args:
      colour: 0 if the field in the first corner belongs to x_a, 1 if it belongs to x_b.
    """

    def __init__(self, colour: int = 0):
        arguments.number(colour, lambda colour: colour in (0, 1), "colour", "0 or 1")
        self.colour = colour

    def network_channels(self, shape: tuple[int, ...]) -> tuple[int, int]:
        _, width, channels = shape
        if width is not None and width % 2:
            raise ValueError(f"a checkerboard needs an even width, got {width}")
        return channels, channels

    def _first_in_pair(self, height: int) -> np.ndarray:
        """Whether the first of two neighbouring fields belongs to x_a, for each row."""
        return ((np.arange(height) + self.colour) % 2 == 0)[:, None, None]

    def split(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        _, height, width, channels = x.shape
        first, second = tf.unstack(tf.reshape(x, [batch_size(x), height, width // 2, 2, channels]), axis=3)
        mine = self._first_in_pair(height)
        return tf.where(mine, first, second), tf.where(mine, second, first)

    def merge(self, x_a: tf.Tensor, x_b: tf.Tensor) -> tf.Tensor:
        _, height, half_width, channels = x_a.shape
        mine = self._first_in_pair(height)
        pairs = tf.stack([tf.where(mine, x_a, x_b), tf.where(mine, x_b, x_a)], axis=3)
        return tf.reshape(pairs, [batch_size(x_a), height, 2 * half_width, channels])

    def network_input(self, x_b: tf.Tensor) -> tf.Tensor:
        return self.merge(tf.zeros_like(x_b), x_b)

    def parameters(self, outputs: tf.Tensor) -> tf.Tensor:
        return self.split(outputs)[0]
