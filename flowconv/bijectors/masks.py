"""Masks: the part of an image's numbers that a coupling changes, and the part that stays."""

from typing import Any

import numpy as np
import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.serialization import Configured
from flowconv.ops.shapes import batch_size

Shape = tuple[Any, ...]  # (H, W, C); None where it may be any


class Mask(Configured):
    """Two halves of an image's numbers, and how a network that sees one gives parameters for the other."""

    def half_shape(self, shape: Shape) -> Shape:
        """Returns the (H, W, C) of x_a, which is that of x_b, of images (H, W, C).

        Raises:
          ValueError: if such images have no two halves.
        """
        raise NotImplementedError

    def network_shape(self, shape: Shape) -> Shape:
        """Returns the (H, W, C) of what the network sees, of images (H, W, C)."""
        return self.half_shape(shape)

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

    def half_shape(self, shape: Shape) -> Shape:
        height, width, channels = shape
        if channels % 2:
            raise ValueError(f"halves of the channels need an even number of them, got {channels}")
        return height, width, channels // 2

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

    def half_shape(self, shape: Shape) -> Shape:
        height, width, channels = shape
        return height, _half_of_width(width, "a checkerboard needs"), channels

    def network_shape(self, shape: Shape) -> Shape:
        return tuple(shape)

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


class StripeMask(Mask):
    """x_a are the columns of one parity, x_b the others (Ho et al. 2019, whose text calls it a checkerboard).

    Both are `[B, H, W/2, C]`, and so is what the network sees: half an image, without gaps. W must be even.

    Args:
      parity: 0 if the first column belongs to x_a, 1 if it belongs to x_b.
    """

    def __init__(self, parity: int = 0):
        arguments.number(parity, lambda parity: parity in (0, 1), "parity", "0 or 1")
        self.parity = parity

    def half_shape(self, shape: Shape) -> Shape:
        height, width, channels = shape
        return height, _half_of_width(width, "stripes need"), channels

    def split(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        _, height, width, channels = x.shape
        pairs = tf.unstack(tf.reshape(x, [batch_size(x), height, width // 2, 2, channels]), axis=3)
        return pairs[self.parity], pairs[1 - self.parity]

    def merge(self, x_a: tf.Tensor, x_b: tf.Tensor) -> tf.Tensor:
        _, height, half_width, channels = x_a.shape
        pairs = tf.stack([x_b, x_a] if self.parity else [x_a, x_b], axis=3)
        return tf.reshape(pairs, [batch_size(x_a), height, 2 * half_width, channels])


def _half_of_width(width: int | None, need: str) -> int | None:
    if width is not None and width % 2:
        raise ValueError(f"{need} an even width, got {width}")
    return width if width is None else width // 2
