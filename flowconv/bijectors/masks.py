"""Masks: the part of an image's numbers that a coupling changes, and the part that stays."""

import operator
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.serialization import Configured
from flowconv.ops.permute import permute
from flowconv.ops.shapes import batch_size

Shape = tuple[Any, ...]  # (H, W, C); None where it may be any


class Mask(Configured):
    """Two halves of an image's numbers, and how a network that sees one gives parameters for the other.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Mask, StripeMask
      >>> mask, x = StripeMask(), tf.ones([2, 4, 4, 3])
      >>> x_a, x_b = mask.split(x)
      >>> isinstance(mask, Mask), mask.merge(x_a, x_b).shape
      (True, TensorShape([2, 4, 4, 3]))
    """

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
    """x_a is the first half of the channels, x_b the second: `[B, H, W, C/2]` each. C must be even.

    Example:
      >>> from flowconv.bijectors import ChannelMask
      >>> ChannelMask().half_shape((4, 4, 6))
      (4, 4, 3)
    """

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
      shown: whether the network sees the mask, too, as one more channel: 1 at the fields of x_b, 0 at the others.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import CheckerboardMask
      >>> x_a, x_b = CheckerboardMask().split(tf.reshape([0.0, 1.0, 2.0, 3.0], [1, 2, 2, 1]))
      >>> x_a.numpy().ravel().tolist(), x_b.numpy().ravel().tolist()
      ([0.0, 3.0], [1.0, 2.0])
    """

    def __init__(self, colour: int = 0, shown: bool = False):
        arguments.number(colour, lambda colour: operator.index(colour) in (0, 1), "colour", "0 or 1")
        self.colour = colour
        self.shown = shown

    def half_shape(self, shape: Shape) -> Shape:
        height, width, channels = shape
        return height, _half_of(width, "width", "a checkerboard needs"), channels

    def network_shape(self, shape: Shape) -> Shape:
        return (*shape[:-1], shape[-1] + self.shown)

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
        image = self.merge(tf.zeros_like(x_b), x_b)
        if not self.shown:
            return image
        one_channel = tf.zeros_like(x_b[..., :1])
        return tf.concat([image, self.merge(one_channel, tf.ones_like(one_channel))], axis=-1)

    def parameters(self, outputs: tf.Tensor) -> tf.Tensor:
        return self.split(outputs)[0]


class StripeMask(Mask):
    """x_a are the columns of one parity, x_b the others (Ho et al. 2019, whose text calls it a checkerboard); or rows.

    Both are `[B, H, W/2, C]`, and so is what the network sees: half an image, without gaps. W must be even. Of rows
    they are `[B, H/2, W, C]`, and H must be.

    Args:
      parity: 0 if the first column, or row, belongs to x_a, 1 if it belongs to x_b.
      of: what the stripes are.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import StripeMask
      >>> x_a, x_b = StripeMask().split(tf.reshape([0.0, 1.0, 2.0, 3.0], [1, 2, 2, 1]))
      >>> x_a.numpy().ravel().tolist(), x_b.numpy().ravel().tolist()
      ([0.0, 2.0], [1.0, 3.0])
    """

    def __init__(self, parity: int = 0, of: Literal["columns", "rows"] = "columns"):
        arguments.number(parity, lambda parity: operator.index(parity) in (0, 1), "parity", "0 or 1")
        arguments.choice({"columns": None, "rows": None}, of, "of")
        self.parity = parity
        self.of = of

    def half_shape(self, shape: Shape) -> Shape:
        height, width, channels = shape
        if self.of == "rows":
            return _half_of(height, "height", "stripes of rows need"), width, channels
        return height, _half_of(width, "width", "stripes need"), channels

    def split(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        _, height, width, channels = x.shape
        if self.of == "rows":
            pairs = tf.unstack(tf.reshape(x, [batch_size(x), height // 2, 2, width, channels]), axis=2)
        else:
            pairs = tf.unstack(tf.reshape(x, [batch_size(x), height, width // 2, 2, channels]), axis=3)
        return pairs[self.parity], pairs[1 - self.parity]

    def merge(self, x_a: tf.Tensor, x_b: tf.Tensor) -> tf.Tensor:
        _, height, width, channels = x_a.shape
        if self.of == "rows":
            height, axis = 2 * height, 2
        else:
            width, axis = 2 * width, 3
        pairs = tf.stack([x_b, x_a] if self.parity else [x_a, x_b], axis=axis)
        return tf.reshape(pairs, [batch_size(x_a), height, width, channels])


class AlternatingMask(Mask):
    """x_a is every other number of the image, row by row and with its channels; x_b are those between (NICE's halves).

    Both are `[B, H, W/2, C]`, their numbers one after the other. W must be even.

    Args:
      parity: 0 if the first number belongs to x_a, 1 if it belongs to x_b.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import AlternatingMask
      >>> x_a, x_b = AlternatingMask(parity=1).split(tf.reshape([0.0, 1.0, 2.0, 3.0], [1, 1, 2, 2]))
      >>> x_a.numpy().ravel().tolist(), x_b.numpy().ravel().tolist()
      ([1.0, 3.0], [0.0, 2.0])

    References:
      Dinh, Krueger, Bengio 2015, "NICE: Non-linear Independent Components Estimation".
    """

    def __init__(self, parity: int = 0):
        arguments.number(parity, lambda parity: operator.index(parity) in (0, 1), "parity", "0 or 1")
        self.parity = parity

    def half_shape(self, shape: Shape) -> Shape:
        height, width, channels = shape
        return height, _half_of(width, "width", "every other number needs"), channels

    def split(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        half = [batch_size(x), *self.half_shape(tuple(x.shape[1:]))]
        pairs = tf.unstack(tf.reshape(x, [batch_size(x), -1, 2]), axis=2)
        return tf.reshape(pairs[self.parity], half), tf.reshape(pairs[1 - self.parity], half)

    def merge(self, x_a: tf.Tensor, x_b: tf.Tensor) -> tf.Tensor:
        _, height, half_width, channels = x_a.shape
        pairs = tf.stack([x_b, x_a] if self.parity else [x_a, x_b], axis=-1)
        flat = tf.reshape(pairs, [batch_size(x_a), height * half_width * channels, 2])
        return tf.reshape(flat, [batch_size(x_a), height, 2 * half_width, channels])


class ShuffledChannelMask(Mask):
    """x_a are half of the channels, x_b the others, in an order that is drawn from a seed; `[B, H, W, C/2]` each.

    The order is a setting, not a weight: one seed and one C always give the same. C must be even.

    Args:
      seed: of the order.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import ShuffledChannelMask
      >>> x_a, x_b = ShuffledChannelMask(seed=3).split(tf.reshape([0.0, 1.0, 2.0, 3.0], [1, 1, 1, 4]))
      >>> sorted([*x_a.numpy().ravel().tolist(), *x_b.numpy().ravel().tolist()])
      [0.0, 1.0, 2.0, 3.0]
    """

    def __init__(self, seed: int = 0):
        arguments.whole(0, seed=seed)
        self.seed = seed

    def half_shape(self, shape: Shape) -> Shape:
        return ChannelMask().half_shape(shape)

    def split(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return ChannelMask().split(permute(x, tf.constant(self._order(x.shape[-1]), tf.int32)))

    def merge(self, x_a: tf.Tensor, x_b: tf.Tensor) -> tf.Tensor:
        x = ChannelMask().merge(x_a, x_b)
        return permute(x, tf.constant(np.argsort(self._order(x.shape[-1])), tf.int32))

    def _order(self, channels: int) -> np.ndarray:
        return np.random.default_rng(self.seed).permutation(channels)


class PackedMask(Mask):
    """The halves of another mask, as images of the whole height and width with half of the channels.

    Row by row, each pixel of a half becomes two, of the first and the second half of its channels. So halves of pixels
    have the shape that halves of channels have, and one network fits both (Kolesnikov et al. 2024). C must be even.

    Args:
      mask: the other one.

    Example:
      >>> from flowconv.bijectors import PackedMask, StripeMask
      >>> StripeMask().half_shape((4, 4, 6)), PackedMask(StripeMask()).half_shape((4, 4, 6))
      ((4, 2, 6), (4, 4, 3))

    References:
      Kolesnikov, Pinto, Tschannen 2024, "Jet: A Modern Transformer-Based Normalizing Flow".
    """

    def __init__(self, mask: Mask):
        self.mask = mask

    def half_shape(self, shape: Shape) -> Shape:
        self.mask.half_shape(shape)  # (which refuses images without halves)
        return ChannelMask().half_shape(shape)

    def split(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        packed = [batch_size(x), *self.half_shape(tuple(x.shape[1:]))]
        x_a, x_b = (tf.reshape(half, packed) for half in self.mask.split(x))
        return x_a, x_b

    def merge(self, x_a: tf.Tensor, x_b: tf.Tensor) -> tf.Tensor:
        height, width, channels = x_a.shape[1:]
        unpacked = [batch_size(x_a), *self.mask.half_shape((height, width, 2 * channels))]
        return self.mask.merge(tf.reshape(x_a, unpacked), tf.reshape(x_b, unpacked))


def _half_of(side: int | None, name: str, need: str) -> int | None:
    if side is not None and side % 2:
        raise ValueError(f"{need} an even {name}, got {side}")
    return side if side is None else side // 2
