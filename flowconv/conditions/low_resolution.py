"""Small versions of images as a condition."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.condition import Condition
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.layer import Layer
from flowconv.networks.layers.convolutions import ZeroConv2D
from flowconv.ops.shapes import batch_size

FACTOR = 4


class LowResolutionCondition(Condition):
    """The image's 4× smaller version: p(image | small image), which samples of are super-resolution.

    A pixel of the small image is the mean of a block of 4×4 pixels, rounded to a byte. As a condition it is a float in
    [−½, ½): `[B, H/4, W/4, C]`. In each network a 3×3 convolution of it, at the resolution of the features, is added.

    Args:
      image_shape: (H, W, C) of the image; H and W are divisible by 4.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.conditions.low_resolution import LowResolutionCondition
      >>> condition = LowResolutionCondition((8, 8, 3))
      >>> condition.of_batch({"image": tf.zeros([2, 8, 8, 3], tf.uint8)}).shape
      TensorShape([2, 2, 2, 3])
    """

    def __init__(self, image_shape: tuple[int, int, int]):
        height, width, channels = image_shape
        if height % FACTOR or width % FACTOR:
            raise ValueError(f"low_resolution needs sides that are divisible by {FACTOR}, got {height}×{width}")
        self.small_shape = (height // FACTOR, width // FACTOR, channels)

    def of_batch(self, batch: Mapping[str, Any]) -> tf.Tensor:
        return self.of_small(self.small(batch["image"]))

    def small(self, images: tf.Tensor) -> tf.Tensor:
        """Returns 4× smaller versions, uint8, of uint8 images `[B, H, W, C]`."""
        means = tf.nn.avg_pool2d(tf.cast(images, tf.float32), FACTOR, FACTOR, "VALID")
        return tf.cast(tf.round(means), tf.uint8)

    def of_small(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the condition that small images, uint8 `[B, H/4, W/4, C]`, are."""
        return tf.cast(images, tf.float32) / 256.0 - 0.5

    def take(self, condition: Any) -> tf.Tensor:
        among = " in [−½, ½)"
        small = arguments.floats(condition, self.small_shape, "float32", "condition", among=among)
        if not tf.is_symbolic_tensor(small) and not tf.reduce_all((small >= -0.5) & (small < 0.5)):
            low, high = float(tf.reduce_min(small)), float(tf.reduce_max(small))
            raise ValueError(f"condition: expected floats{among}, got some from {low:g} to {high:g}")
        return small

    def between(self, one: tf.Tensor, other: tf.Tensor, weights: Sequence[float]) -> tf.Tensor:
        return tf.stack([(1.0 - weight) * one + weight * other for weight in weights])

    def embedding(self, channels: int, **kwargs: Any) -> Layer:
        return ImageEmbedding(self.small_shape, channels, **kwargs)


class ImageEmbedding(Layer):
    """A 3×3 convolution of images, brought to the features' height and width before; 0 at first.

    Smaller images are enlarged by repeating their pixels; of larger ones, blocks of pixels become channels.

    Args:
      image_shape: (H, W, C) of the images.
      channels: of the features.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.conditions.low_resolution import ImageEmbedding
      >>> layer = ImageEmbedding((2, 2, 3), channels=8)
      >>> layer.build((None, 4, 4, 8))
      >>> layer.call(tf.zeros([1, 2, 2, 3])).shape
      TensorShape([1, 4, 4, 8])
    """

    def __init__(self, image_shape: tuple[int, int, int], channels: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.image_shape = tuple(image_shape)
        self.channels = channels

    def build(self, input_shape: tuple[Any, ...]) -> None:
        size, wanted = self.image_shape[:2], tuple(input_shape[1:3])
        sides = list(zip(size, wanted, strict=True))  # of half an image's, one may fit by another factor
        self.larger = [there // here or 1 for here, there in sides]
        self.smaller = [here // there or 1 for here, there in sides]
        if any(a * here != b * there for a, b, (here, there) in zip(self.larger, self.smaller, sides, strict=True)):
            raise ValueError(f"images {size[0]}×{size[1]} can't be brought to {wanted[0]}×{wanted[1]} by whole factors")
        self.convolution = ZeroConv2D(self.channels, 3, dtype=self.dtype_policy, name="convolution")
        self.convolution.build((None, *wanted, self.image_shape[-1] * math.prod(self.smaller)))

    def call(self, condition: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        """Returns the convolution, `[B, H, W, channels]`."""
        x = tf.cast(condition, self.variable_dtype if inputs.full_precision else self.compute_dtype)
        for axis, times in enumerate(self.larger, 1):
            x = tf.repeat(x, times, axis=axis) if times > 1 else x
        if self.smaller != [1, 1]:
            x = _blocks_to_channels(x, *self.smaller)
        return self.convolution.call(x, inputs)


def _blocks_to_channels(x: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Returns images whose pixels are blocks of so many pixels of x: space_to_depth, which has squares alone."""
    _, rows, columns, channels = x.shape
    rows, columns, count = rows // height, columns // width, batch_size(x)
    blocks = tf.transpose(tf.reshape(x, [count, rows, height, columns, width, channels]), [0, 1, 3, 2, 4, 5])
    return tf.reshape(blocks, [count, rows, columns, height * width * channels])
