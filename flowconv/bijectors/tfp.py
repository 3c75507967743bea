"""Flows and their layers inside TensorFlow Probability."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from flowconv.core.arguments import ANY, floats
from flowconv.ops.tfp import tfb, tfd

# What TFP itself makes of a bijector that is no composite tensor, as `KerasBijector` isn't.
from tensorflow_probability.python.distributions.transformed_distribution import _TransformedDistribution  # isort: skip

Map = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class KerasBijector(tfb.Bijector):
    """A `tfb.Bijector` made of two functions over one batch axis; it takes any batch shape before the event.

    As TFP's own, it remembers what it returned for a tensor, as long as that lives: after a change of the weights, or
    for a gradient of them, give it another one (`tf.identity(x)`), or call it within a `tf.function`.

    Args:
      forward_and_log_det: maps `[B, *input_shape]` to `[B, *output_shape]` and `[B]`, nats.
      inverse_and_log_det: the way back.
      input_shape: of one event.
      output_shape: of one event after `forward`.
      layer: whose dtype, name and variables it has.

    Raises:
      ValueError: from each of its methods, if the shape of an event is another one.

    Example:
      >>> from flowconv.bijectors import Squeeze
      >>> bijector = Squeeze().as_bijector((4, 4, 3))
      >>> type(bijector).__name__, bijector.forward_event_shape((4, 4, 3))
      ('KerasBijector', TensorShape([2, 2, 12]))
    """

    def __init__(
        self,
        forward_and_log_det: Map,
        inverse_and_log_det: Map,
        input_shape: tuple[int, ...],
        output_shape: tuple[int, ...],
        layer: keras.layers.Layer,
    ):
        super().__init__(
            forward_min_event_ndims=len(input_shape),
            inverse_min_event_ndims=len(output_shape),
            dtype=tf.as_dtype(layer.compute_dtype),
            name=layer.name,
        )
        self._variables_of_layer = [variable.value for variable in layer.variables]  # where tf.Module looks for them
        self._forward_map = forward_and_log_det
        self._inverse_map = inverse_and_log_det
        self._input_shape = tuple(input_shape)
        self._output_shape = tuple(output_shape)

    def _forward(self, x: tf.Tensor) -> tf.Tensor:
        return self._apply(self._forward_map, x, self._input_shape)[0]

    def _inverse(self, y: tf.Tensor) -> tf.Tensor:
        return self._apply(self._inverse_map, y, self._output_shape)[0]

    def _forward_log_det_jacobian(self, x: tf.Tensor) -> tf.Tensor:
        return self._apply(self._forward_map, x, self._input_shape)[1]

    def _inverse_log_det_jacobian(self, y: tf.Tensor) -> tf.Tensor:
        return self._apply(self._inverse_map, y, self._output_shape)[1]

    def _forward_event_shape(self, shape: tf.TensorShape) -> tf.TensorShape:
        return shape[: -len(self._input_shape)].concatenate(self._output_shape)

    def _inverse_event_shape(self, shape: tf.TensorShape) -> tf.TensorShape:
        return shape[: -len(self._output_shape)].concatenate(self._input_shape)

    def _forward_event_shape_tensor(self, shape: tf.Tensor) -> tf.Tensor:
        return tf.concat([shape[: -len(self._input_shape)], self._output_shape], axis=0)

    def _inverse_event_shape_tensor(self, shape: tf.Tensor) -> tf.Tensor:
        return tf.concat([shape[: -len(self._output_shape)], self._input_shape], axis=0)

    def _apply(self, function: Callable[..., Any], x: Any, event_shape: Sequence[int]) -> tuple[tf.Tensor, tf.Tensor]:
        """Calls `function` with all batch axes of x as one; gives them back in both results."""
        x = floats(x, event_shape, self.dtype, self.name, batch=ANY)
        batch_shape = tf.shape(x)[: x.shape.rank - len(event_shape)]
        y, log_det = function(tf.reshape(x, [-1, *event_shape]))
        return tf.reshape(y, tf.concat([batch_shape, y.shape[1:]], axis=0)), tf.reshape(log_det, batch_shape)


class Density(_TransformedDistribution):
    """A `tfd.TransformedDistribution` whose density is 0 where a function says so, rather than not a number.

    Args:
      distribution: of the latents.
      bijector: from latents to events.
      take: returns x as the density takes it, or raises.
      within_support: from x and the log-density within the support to the log-density everywhere.
      name: as in TFP.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv import models
      >>> flow = models.nice_original((4, 4, 1), depth=2, width=8, network="mlp", preprocessing="logit")
      >>> drawn = flow.reset_weights(seed=0)
      >>> density = flow.as_distribution()
      >>> type(density).__name__, float(density.prob(tf.fill([1, 4, 4, 1], 2.0))[0])
      ('Density', 0.0)
    """

    def __init__(
        self,
        distribution: tfd.Distribution,
        bijector: tfb.Bijector,
        take: Callable[[tf.Tensor], tf.Tensor],
        within_support: Callable[[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]], tf.Tensor],
        name: str,
    ):
        parameters = dict(locals())
        super().__init__(distribution, bijector, parameters=parameters, name=name)
        self._take, self._within_support = take, within_support

    @classmethod
    def _parameter_properties(cls, dtype: Any, num_classes: int | None = None) -> Any:
        """As in TFP, which would print a page on the arguments besides: functions, which have no batch shape."""
        return super()._parameter_properties(dtype, num_classes)

    def log_prob(self, value: Any, name: str = "log_prob", **kwargs: Any) -> tf.Tensor:
        """As in TFP, which would convert integers without a word."""
        return super().log_prob(self._take(value), name, **kwargs)

    def prob(self, value: Any, name: str = "prob", **kwargs: Any) -> tf.Tensor:
        """As in TFP, which would convert integers without a word."""
        return super().prob(self._take(value), name, **kwargs)

    def _log_prob(self, x: tf.Tensor, **kwargs: Any) -> tf.Tensor:
        return self._within_support(x, lambda x: super(Density, self)._log_prob(x, **kwargs))
