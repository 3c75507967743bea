"""What a coupling asks of its network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from flowconv.core.condition import Condition
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.layer import Layer

Average = Callable[[tf.Tensor], tf.Tensor]  # a tensor's mean over all workers


class Network(Layer):
    """A map of images `[B, H, W, C]` to parameters `[B, H, W, outputs]`, which need not be invertible.

    A network writes `build`, `call` and, if it has data-dependent weights, `initialize`. Who uses it sets `outputs`
    before it is built. What its first layer gives depends on a condition, too, by `build_embedding` and
    `add_embedding`.

    Args:
      condition: the kind that its parameters depend on (default: none).

    Attributes:
      outputs: channels of the output.
      embedding: of the condition; None of a network without one.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.core.network import Network
      >>> from flowconv.networks.resnet import ResNetNetwork
      >>> network = ResNetNetwork(width=8, blocks=1)
      >>> network.outputs = 6
      >>> network.build((None, 4, 4, 3))
      >>> isinstance(network, Network), network.call(tf.ones([2, 4, 4, 3])).shape
      (True, TensorShape([2, 4, 4, 6]))
    """

    outputs: int

    def __init__(self, condition: Condition | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.condition = condition
        self.embedding: Layer | None = None

    def build_embedding(self, features_shape: tuple[Any, ...]) -> None:
        """Makes and builds the embedding of the condition, if there is one; to be called by `build`.

        Args:
          features_shape: `[B, H, W, channels]`, of the first layer's output.
        """
        if self.condition is not None:
            self.embedding = self.condition.embedding(features_shape[-1], dtype=self.dtype_policy, name="embedding")
            self.embedding.build(features_shape)

    def add_embedding(self, features: tf.Tensor, inputs: Inputs) -> tf.Tensor:
        """Returns the first layer's output with the condition's embedding added, before any activation.

        Raises:
          ValueError: if the network has a condition, and the inputs have none.
        """
        if self.embedding is None:
            return features
        if inputs.condition is None:
            raise ValueError(f"{self.name}: expected a condition in its inputs, got none")
        return features + tf.cast(self.embedding.call(inputs.condition, inputs), features.dtype)

    def call(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        """Returns the parameters, `[B, H, W, outputs]`."""
        raise NotImplementedError

    def initialize(self, x: tf.Tensor, inputs: Inputs, average: Average) -> tf.Tensor:
        """Sets data-dependent weights from a batch, unless that was done; returns the parameters.

        Args:
          x: images `[B, H, W, C]`.
          inputs: as of `call`.
          average: returns a tensor's mean over all workers.
        """
        return self.call(x, inputs)

    def computing_dtype(self, inputs: Inputs) -> str:
        """Returns the dtype in which the network computes."""
        return self.variable_dtype if inputs.full_precision else self.compute_dtype
