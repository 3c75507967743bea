"""Flows and their layers inside TensorFlow Probability."""

from collections.abc import Callable

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

Map = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class KerasBijector(tfb.Bijector):
    """A `tfb.Bijector` made of two functions over one batch axis; it takes any batch shape before the event.

    Args:
      forward_and_log_det: maps `[B, *input_shape]` to `[B, *output_shape]` and `[B]`, nats.
      inverse_and_log_det: the way back.
      input_shape: of one event.
      output_shape: of one event after `forward`.
      dtype: of both.
      name: as in TFP.
    """

    def __init__(
        self,
        forward_and_log_det: Map,
        inverse_and_log_det: Map,
        input_shape: tuple[int, ...],
        output_shape: tuple[int, ...],
        dtype: tf.DType,
        name: str,
    ):
        super().__init__(
            forward_min_event_ndims=len(input_shape),
            inverse_min_event_ndims=len(output_shape),
            dtype=dtype,
            name=name,
        )
        self._forward_map = forward_and_log_det
        self._inverse_map = inverse_and_log_det
        self._input_shape = tuple(input_shape)
        self._output_shape = tuple(output_shape)

    def _forward(self, x):
        return _apply(self._forward_map, x, self._input_shape)[0]

    def _inverse(self, y):
        return _apply(self._inverse_map, y, self._output_shape)[0]

    def _forward_log_det_jacobian(self, x):
        return _apply(self._forward_map, x, self._input_shape)[1]

    def _inverse_log_det_jacobian(self, y):
        return _apply(self._inverse_map, y, self._output_shape)[1]

    def _forward_event_shape(self, shape):
        return shape[: -len(self._input_shape)].concatenate(self._output_shape)

    def _inverse_event_shape(self, shape):
        return shape[: -len(self._output_shape)].concatenate(self._input_shape)

    def _forward_event_shape_tensor(self, shape):
        return tf.concat([shape[: -len(self._input_shape)], self._output_shape], axis=0)

    def _inverse_event_shape_tensor(self, shape):
        return tf.concat([shape[: -len(self._output_shape)], self._input_shape], axis=0)


def _apply(function, x, event_shape):
    """Calls `function` with all batch axes of x as one; gives them back in both results."""
    batch_shape = tf.shape(x)[: x.shape.rank - len(event_shape)]
    y, log_det = function(tf.reshape(x, [-1, *event_shape]))
    return tf.reshape(y, tf.concat([batch_shape, y.shape[1:]], axis=0)), tf.reshape(log_det, batch_shape)
