"""Bijectors of TensorFlow Probability as layers of a flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.core.inputs import NONE, Inputs

if TYPE_CHECKING:
    import tensorflow_probability as tfp


class FromTFP(Bijector):
    """y = f(x) with f a `tfb.Bijector` over events [H, W, C], or over their numbers.

    Inverse and log-determinant are TFP's. The bijector's variables become the layer's weights: they are trained, saved
    and counted as others, and TFP draws them. The layer keeps shapes. It can't be a step of `Repeated`, which lends a
    step its weights.

    Args:
      make: returns the bijector, called with the shape (H, W, C) within `build`.

    Example:
      >>> from tensorflow_probability import bijectors as tfb
      >>> layer = FromTFP(lambda shape: tfb.Softplus())
      >>> layer.build((None, 4, 4, 3))
      >>> layer.inverse(layer.forward(tf.ones([2, 4, 4, 3]))).shape
      TensorShape([2, 4, 4, 3])
    """

    def __init__(self, make: Callable[[tuple[int, int, int]], tfp.bijectors.Bijector], **kwargs: Any):
        super().__init__(**kwargs)
        self.make = make
        self._adding = False

    def build(self, input_shape: tuple[Any, ...]) -> None:
        with tf.variable_creator_scope(self._as_weight):
            self._tfp = self.make(tuple(input_shape[-3:]))
            # Its networks make their variables when they first see an input.
            self._tfp.forward(tf.zeros([1, *input_shape[-3:]], self.compute_dtype))

    def _as_weight(self, create: Callable[..., tf.Variable], **arguments: Any) -> tf.Variable:
        """A variable of TFP's, made as one of the layer's weights."""
        if self._adding:  # Keras makes the weight's own variable
            return create(**arguments)
        self._adding = True
        try:
            return self._added(**arguments)
        finally:
            self._adding = False

    def _added(self, **arguments: Any) -> tf.Variable:
        value = arguments["initial_value"]
        value = tf.convert_to_tensor(value() if callable(value) else value)
        weight = self.add_weight(
            shape=value.shape,
            dtype=value.dtype.name,
            initializer=lambda shape, dtype=None: value,
            trainable=arguments.get("trainable") is not False and value.dtype.is_floating,
            constraint=arguments.get("constraint"),
            name=(arguments.get("name") or "variable").replace("/", "."),
        ).value
        if not isinstance(weight, tf.Variable):
            raise ValueError(f"{self.name}: a bijector of TFP's can't be a step of Repeated: put it beside one")
        return weight

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        x = tf.identity(x)  # of a tensor that it saw before TFP would return what it returned then
        y = self._tfp.forward(x)
        return y, self._tfp.forward_log_det_jacobian(x, event_ndims=3)

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        y = tf.identity(y)
        x = self._tfp.inverse(y)
        return x, self._tfp.inverse_log_det_jacobian(y, event_ndims=3)
