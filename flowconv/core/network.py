"""What a coupling asks of its network."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from flowconv.core.inputs import NONE, Inputs
from flowconv.core.layer import Layer

Average = Callable[[tf.Tensor], tf.Tensor]  # a tensor's mean over all workers


class Network(Layer):
    """A map of images `[B, H, W, C]` to parameters `[B, H, W, outputs]`, which need not be invertible.

    A network writes `build`, `call` and, if it has data-dependent weights, `initialize`. Who uses it sets `outputs`
    before it is built.

    Attributes:
      outputs: channels of the output.
    """

    outputs: int

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
