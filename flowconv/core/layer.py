"""The base of all layers."""

from __future__ import annotations

from typing import Any

import keras

from flowconv.core.serialization import Configured
from flowconv.core.weights import as_initializer, reset_weights


class Layer(Configured, keras.layers.Layer):
    """A Keras layer that remembers its constructor's arguments, and draws its weights when it is told to.

    Example:
      >>> from flowconv.bijectors import Shuffle
      >>> from flowconv.core.layer import Layer
      >>> layer = Shuffle()
      >>> layer.build((None, 1, 1, 8))
      >>> layer.reset_weights(seed=1)
      >>> drawn = layer.order.numpy().tolist()
      >>> layer.reset_weights(seed=1)
      >>> isinstance(layer, Layer), layer.order.numpy().tolist() == drawn
      (True, True)
    """

    def add_weight(
        self, shape: Any = None, initializer: Any = None, dtype: Any = None, **keywords: Any
    ) -> keras.Variable:
        """As Keras has it; random values are drawn by `reset_weights`, construction sets others."""
        if initializer is None:  # Keras' own default
            is_float = "float" in keras.backend.standardize_dtype(dtype or self.variable_dtype)
            initializer = "glorot_uniform" if is_float else "zeros"
        initializer = as_initializer(initializer)
        variable = super().add_weight(shape=shape, initializer=initializer, dtype=dtype, **keywords)
        variable.initializer = initializer
        return variable

    def reset_weights(self, seed: int = 0) -> None:
        """Draws the random ones of this layer's weights, its parts' included; the same seed gives the same weights."""
        reset_weights(self.variables, seed)
