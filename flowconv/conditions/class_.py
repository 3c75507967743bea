"""Classes as a condition."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.condition import Condition
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.layer import Layer
from flowconv.ops.random import Seed
from flowconv.ops.shapes import batch_size

UNKNOWN = -1  # the label of an image whose class isn't told


class ClassCondition(Condition):
    """The image's class: p(image | label), labels int32 `[B]`.

    Each class has an embedding of its own in each network, a vector that is added at every pixel. With label_dropout
    a flow is trained to be p(image), too: of some images, at random, it sees the mean of all embeddings. The difference
    of both is what classifier-free guidance of samples takes (Ho & Salimans 2022).

    Args:
      classes: how many there are; labels are whole numbers below.
      label_dropout: the rate at which an image's class is left out in training, within [0, 1).

    Example:
      >>> from flowconv.conditions.class_ import ClassCondition
      >>> condition = ClassCondition(10, label_dropout=0.1)
      >>> condition.unknown([3, 7]).numpy().tolist()
      [-1, -1]
    """

    def __init__(self, classes: int, label_dropout: float = 0.0):
        arguments.whole(1, classes=classes)
        arguments.number(label_dropout, lambda rate: 0.0 <= rate < 1.0, "label_dropout", "within [0, 1)")
        self.classes = classes
        self.label_dropout = label_dropout

    def of_batch(self, batch: Mapping[str, Any]) -> tf.Tensor:
        if "label" not in batch:
            raise ValueError(f"a flow of images given their class needs a batch with labels, got {', '.join(batch)}")
        return tf.convert_to_tensor(batch["label"])

    def take(self, condition: Any) -> tf.Tensor:
        return arguments.whole_numbers(condition, self.classes, "condition")

    def unknown(self, condition: Any) -> tf.Tensor | None:
        return tf.fill(tf.shape(condition), UNKNOWN) if self.label_dropout else None

    def in_training(self, condition: tf.Tensor, seed: Seed) -> tf.Tensor:
        if not self.label_dropout:
            return condition
        left_out = seed.uniform((batch_size(condition), 1))[:, 0] < self.label_dropout
        return tf.where(left_out, UNKNOWN, condition)

    def embedding(self, channels: int, **kwargs: Any) -> Layer:
        return ClassEmbedding(self.classes, channels, bool(self.label_dropout), **kwargs)


class ClassEmbedding(Layer):
    """A table of vectors: labels `[B]` → `[B, 1, 1, channels]`. All are 0 at first.

    Args:
      classes: how many vectors.
      channels: of each.
      has_mean: whether a label of −1, an unknown class, has the mean of all vectors.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.conditions.class_ import ClassEmbedding
      >>> layer = ClassEmbedding(classes=10, channels=8)
      >>> layer.build((None, 4, 4, 8))
      >>> layer.call(tf.constant([3, 7])).shape
      TensorShape([2, 1, 1, 8])
    """

    def __init__(self, classes: int, channels: int, has_mean: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.classes = classes
        self.channels = channels
        self.has_mean = has_mean

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.table = self.add_weight(shape=(self.classes, self.channels), initializer="zeros", name="table")

    def call(self, condition: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        """Returns each image's vector."""
        vectors = self.table.value
        if self.has_mean:
            vectors = tf.concat([vectors, tf.reduce_mean(vectors, axis=0, keepdims=True)], axis=0)
            condition = tf.where(condition == UNKNOWN, self.classes, condition)
        return tf.gather(vectors, condition)[:, None, None, :]
