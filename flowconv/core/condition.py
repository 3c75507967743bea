"""The contract of a condition: what the images of a flow are seen under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from flowconv.core.layer import Layer
from flowconv.core.serialization import Configured
from flowconv.ops.random import Seed


class Condition(Configured):
    """A kind of condition c of a density p(image | c): labels, or images.

    A subclass says what it takes of a batch, checks what it is given, and makes a layer that embeds it in a network.
    Its tensors have the images' batch axis first.

    Attributes:
      classes: how many values it has, if it is a whole number below that; 0 of any other kind. Over these a
        density of the image alone can be summed.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.conditions.class_ import ClassCondition
      >>> from flowconv.core.condition import Condition
      >>> condition = ClassCondition(10)
      >>> labels = condition.of_batch({"image": tf.zeros([2, 4, 4, 3], tf.uint8), "label": tf.constant([3, 7])})
      >>> isinstance(condition, Condition), labels.numpy().tolist()
      (True, [3, 7])
    """

    classes: int = 0

    def of_batch(self, batch: Mapping[str, Any]) -> Any:
        """Returns the condition of each image of a batch.

        Args:
          batch: "image", uint8 `[B, H, W, C]`, and "label", int32 `[B]`, where the data set has labels.

        Raises:
          ValueError: if the batch lacks what it is made of.
        """
        raise NotImplementedError

    def take(self, condition: Any) -> Any:
        """Returns what was given as a condition as tensors, in the dtypes of `of_batch`.

        Raises:
          TypeError: if it is of another kind.
          ValueError: if there is none, or it has another shape, or eager numbers out of range.
        """
        raise NotImplementedError

    def unknown(self, condition: Any) -> Any:
        """Returns a condition that says nothing of its image, of as many; None of a kind that has no such."""
        return None

    def between(self, one: Any, other: Any, weights: Sequence[float]) -> Any:
        """Returns conditions on the way from that of one image to that of another, `[len(weights), …]`.

        By default each is that of the nearer end.

        Args:
          one, other: of an image each, without a batch axis.
          weights: from 0, where it is `one`, to 1.
        """

        def nearer(first: tf.Tensor, last: tf.Tensor) -> tf.Tensor:
            return tf.stack([last if weight > 0.5 else first for weight in weights])

        return tf.nest.map_structure(nearer, one, other)

    def in_training(self, condition: Any, seed: Seed) -> Any:
        """Returns the condition as training has it: some kinds are unknown there at random.

        Args:
          condition: as `take` returns it.
          seed: of the batch.
        """
        return condition

    def embedding(self, channels: int, **kwargs: Any) -> Layer:
        """Returns a layer, not built yet, that maps the condition to what is added to features `[B, H, W, channels]`.

        It is built for the features' shape and called with the condition and the `Inputs`. Its result can be broadcast
        to the features. Embeddings of classes and of small images are 0 at first: a new flow is the same for all.

        Args:
          channels: of the features.
          kwargs: `dtype` and `name` of the layer.
        """
        raise NotImplementedError
