"""Paths through the space of latents."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from flowconv.evaluation import pictures
from flowconv.models import Flow


def interpolate(flow: Flow, images: np.ndarray, steps: int, condition: Any = None) -> np.ndarray:
    """Returns the images on the straight lines between the latents of each image and the next.

    Conditions go along: a class is that of the nearer end, a small image changes as the latents do.

    Args:
      flow: the model.
      images: uint8 `[N, H, W, C]`, two or more.
      steps: images from one to the next, both ends counted; at least 2.
      condition: of the images, of a conditional flow.

    Returns:
      uint8 `[N - 1, steps, H, W, C]`; the ends of each row are the given images.

    Raises:
      ValueError: if there are fewer than two images.

    Example:
      >>> import numpy as np
      >>> from flowconv import models
      >>> from flowconv.inference.interpolation import interpolate
      >>> flow = models.nice_original((4, 4, 1), depth=2, width=8, network="mlp", preprocessing="centre")
      >>> drawn = flow.reset_weights(seed=0)
      >>> images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 1), np.uint8)
      >>> interpolate(flow, images, steps=5).shape
      (2, 5, 4, 4, 1)
    """
    if len(images) < 2:
        raise ValueError(f"interpolation takes two images or more, got {len(images)}")
    latents = _latents(flow, images, condition)
    weights = np.linspace(0.0, 1.0, steps)
    rows = []
    for number in range(len(images) - 1):
        path = [_between(z[number], z[number + 1], weights) for z in latents]
        first, last = (_example(condition, each) for each in (number, number + 1))
        on_the_way = flow.condition.between(first, last, weights.tolist())
        rows.append(pictures.shown(flow, flow.decode(path, on_the_way)))
    return np.stack(rows)


def attribute_direction(
    flow: Flow,
    positive: np.ndarray,
    negative: np.ndarray,
    batch_size: int = 64,
    conditions: tuple[Any, Any] = (None, None),
) -> list[np.ndarray]:
    """Returns z_pos − z_neg: the mean latents of images with an attribute less those of images without it.

    As Kingma & Dhariwal 2018, section 6.3.

    Args:
      flow: the model.
      positive, negative: uint8 `[N, H, W, C]`.
      batch_size: images encoded at a time.
      conditions: of the positive and of the negative ones, of a conditional flow.

    Example:
      >>> import numpy as np
      >>> from flowconv import models
      >>> from flowconv.inference.interpolation import attribute_direction
      >>> flow = models.nice_original((4, 4, 1), depth=2, width=8, network="mlp", preprocessing="centre")
      >>> drawn = flow.reset_weights(seed=0)
      >>> dark, bright = np.full([2, 4, 4, 1], 50, np.uint8), np.full([3, 4, 4, 1], 200, np.uint8)
      >>> [z.shape for z in attribute_direction(flow, bright, dark)]
      [(4, 4, 1)]
    """

    def mean(images, condition):
        sums = None
        for start in range(0, len(images), batch_size):
            here = slice(start, start + batch_size)
            latents = _latents(flow, images[here], _example(condition, here))
            summed = [np.sum(z, axis=0, dtype=np.float64) for z in latents]
            sums = summed if sums is None else [a + b for a, b in zip(sums, summed, strict=True)]
        return [total / len(images) for total in sums]

    means = mean(positive, conditions[0]), mean(negative, conditions[1])
    return [a - b for a, b in zip(*means, strict=True)]


def manipulate(
    flow: Flow,
    images: np.ndarray,
    direction: Sequence[np.ndarray],
    strengths: Sequence[float],
    condition: Any = None,
) -> np.ndarray:
    """Returns each image with the direction added to its latents so many times: uint8 `[N, strengths, H, W, C]`.

    Args:
      flow: the model.
      images: uint8 `[N, H, W, C]`.
      direction: of `attribute_direction`.
      strengths: how many times.
      condition: of the images, of a conditional flow.

    Example:
      >>> import numpy as np
      >>> from flowconv import models
      >>> from flowconv.inference.interpolation import manipulate
      >>> flow = models.nice_original((4, 4, 1), depth=2, width=8, network="mlp", preprocessing="centre")
      >>> drawn = flow.reset_weights(seed=0)
      >>> direction = [np.ones(shape) for shape in flow.latent_shapes]
      >>> manipulate(flow, np.full([2, 4, 4, 1], 50, np.uint8), direction, strengths=[-1.0, 0.0, 1.0]).shape
      (2, 3, 4, 4, 1)
    """
    latents = _latents(flow, images, condition)
    columns = []
    for strength in strengths:
        moved = [z + tf.cast(strength * d, z.dtype) for z, d in zip(latents, direction, strict=True)]
        columns.append(pictures.shown(flow, flow.decode(moved, condition)))
    return np.stack(columns, axis=1)


def _latents(flow, images, condition):
    return flow.encode(flow.dequantize_midpoint(tf.constant(images)), condition)


def _example(condition, place):
    """A condition's tensors at a place, or within a slice, of the batch."""
    return None if condition is None else tf.nest.map_structure(lambda tensor: tensor[place], condition)


def _between(one, other, weights):
    weights = tf.cast(weights.reshape(-1, *[1] * one.shape.rank), one.dtype)
    return one + weights * (other - one)
