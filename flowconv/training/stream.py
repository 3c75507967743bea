"""The training images in their order, of which each worker takes its part."""

from collections.abc import Iterator

import tensorflow as tf

from flowconv import data, distributed
from flowconv.data.batches import Examples


class TrainingStream:
    """The training images again and again, shuffled by the seed: the order is that of one worker, for any number.

    Args:
      examples: of the training split.
      batch_size: images that a worker takes in a step.
      seed: of the order.
    """

    def __init__(self, examples: Examples, batch_size: int, seed: int):
        self._examples = examples
        self._seed = seed
        self.batch_size = batch_size
        self.global_batch_size = batch_size * distributed.size()

    @property
    def batch_spec(self) -> dict[str, tf.TensorSpec]:
        """The shapes and types of a worker's batch."""
        return self._batches(self.batch_size, 0, 0, 1).element_spec

    def batches(self, start: int) -> Iterator[dict[str, tf.Tensor]]:
        """Yields this worker's batches from the image `start` on, as `data.training_batches`."""
        return iter(self._batches(self.batch_size, start, distributed.rank(), distributed.size()))

    def first_images(self, count: int) -> tuple[dict[str, tf.Tensor], float]:
        """Returns this worker's part of the first `count` images as a batch, and the weight of their mean.

        The mean over workers of weight · mean is that of all images: parts may differ in size.
        """
        rank, size = distributed.rank(), distributed.size()
        begin, end = (count * r // size for r in (rank, rank + 1))
        part = max(1, end - begin)  # a worker without any takes one along, which doesn't count
        return next(iter(self._batches(part, begin, 0, 1))), (end - begin) * size / count

    def _batches(self, batch_size, start, rank, world_size):
        return data.training_batches(
            self._examples, batch_size=batch_size, seed=self._seed, start=start, rank=rank, world_size=world_size
        )
