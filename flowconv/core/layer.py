"""The base of all layers."""

from __future__ import annotations

from typing import Any

import keras

from flowconv.core.serialization import Configured
from flowconv.core.weights import as_initializer, reset_weights


class Layer(Configured, keras.layers.Layer):
    """A Keras layer that remembers its constructor's arguments, and draws its weights when it is told to."""

    def add_weight(self, *arguments: Any, initializer: Any = None, **keywords: Any) -> keras.Variable:
        """As Keras has it; random values are drawn by `reset_weights`, construction sets others."""
        initializer = as_initializer(initializer) if initializer is not None else None
        variable = super().add_weight(*arguments, initializer=initializer, **keywords)
        variable.initializer = initializer
        return variable

    def reset_weights(self, seed: int = 0) -> None:
        """Draws the random ones of this layer's weights, its parts' included; the same seed gives the same weights."""
        reset_weights(self.variables, seed)
