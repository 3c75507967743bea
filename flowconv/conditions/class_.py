"""Classes as a condition."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.condition import Condition
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.layer import Layer


class ClassCondition(Condition):
    """The image's class: p(image | label), labels int32 `[B]`.

    Each class has an embedding of its own in each network, a vector that is added at every pixel.

    Args:
      classes: how many there are; labels are whole numbers below.
    """

    def __init__(self, classes: int):
        arguments.number(classes, lambda n: n >= 1 and n == int(n), "classes", "a whole number of at least 1")
        self.classes = classes

    def of_batch(self, batch: Mapping[str, Any]) -> tf.Tensor:
        if "label" not in batch:
            raise ValueError(f"a flow of images given their class needs a batch with labels, got {', '.join(batch)}")
        return tf.convert_to_tensor(batch["label"])

    def take(self, condition: Any) -> tf.Tensor:
        return arguments.whole_numbers(condition, self.classes, "condition")

    def embedding(self, channels: int, **kwargs: Any) -> Layer:
        return ClassEmbedding(self.classes, channels, **kwargs)


class ClassEmbedding(Layer):
    """A table of vectors: labels `[B]` → `[B, 1, 1, channels]`. All are 0 at first.

    Args:
      classes: how many vectors.
      channels: of each.
    """

    def __init__(self, classes: int, channels: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.classes = classes
        self.channels = channels

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.table = self.add_weight(shape=(self.classes, self.channels), initializer="zeros", name="table")

    def call(self, condition: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        """Returns each image's vector."""
        return tf.gather(self.table.value, condition)[:, None, None, :]
