"""The training images in their order, of which each worker takes its part."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from flowconv import data, distributed


class TrainingStream:
    """The training images again and again, shuffled by the seed: the order is that of one worker, for any number.

    Args:
      images: uint8 `[N, H, W, C]`, the training split.
      batch_size: images that a worker takes in a step.
      seed: of the order.
    """

    def __init__(self, images: np.ndarray, batch_size: int, seed: int):
        self._images = images
        self._seed = seed
        self.batch_size = batch_size
        self.global_batch_size = batch_size * distributed.size()

    def batches(self, start: int) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """Yields this worker's batches from the image `start` on: images, and the position of the first of them."""
        return iter(self._batches(self.batch_size, start, distributed.rank(), distributed.size()))

    def first_images(self, count: int) -> tuple[tf.Tensor, tf.Tensor, float]:
        """Returns this worker's part of the first `count` images, their position, and the weight of their mean.

        The mean over workers of weight · mean is that of all images: parts may differ in size.
        """
        rank, size = distributed.rank(), distributed.size()
        begin, end = (count * r // size for r in (rank, rank + 1))
        part = max(1, end - begin)  # a worker without any takes one along, which doesn't count
        images, first = next(iter(self._batches(part, begin, 0, 1)))
        return images, first, (end - begin) * size / count

    def _batches(self, batch_size, start, rank, world_size):
        return data.training_batches(
            self._images, batch_size=batch_size, seed=self._seed, start=start, rank=rank, world_size=world_size
        )
