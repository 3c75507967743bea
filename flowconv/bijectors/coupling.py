"""What the coupling layers share."""

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.bijectors.coupling_network import CouplingNetwork


class Coupling(Bijector):
    """x = [x_a, x_b] in halves of the channels; y_b = x_b, and y_a is a function of x_a with parameters NN(x_b).

    A layer writes `transform` and `invert`. Cost of forward and inverse: one evaluation of the network
    each. Channels must be even.

    Args:
      width: hidden channels of the network.
      network_dtype: dtype policy of the network alone, e.g. "mixed_bfloat16" (default: the layer's own).
    """

    parameters_per_channel: int

    def __init__(self, width: int, network_dtype: str | None = None, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.network_dtype = network_dtype or self.dtype_policy

    def build(self, input_shape):
        half = input_shape[-1] // 2
        self.network = CouplingNetwork(
            self.width, self.parameters_per_channel * half, dtype=self.network_dtype, name="network"
        )
        self.network.build((*input_shape[:-1], half))

    def transform(self, x_a: tf.Tensor, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns y_a and log |det ∂y_a/∂x_a|, `[B]`."""
        raise NotImplementedError

    def invert(self, y_a: tf.Tensor, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns x_a and log |det ∂x_a/∂y_a|, `[B]`."""
        raise NotImplementedError

    def parameters(self, x_b: tf.Tensor) -> tf.Tensor:
        """Returns NN(x_b), `[B, H, W, parameters_per_channel · C/2]`, in the dtype of x_b."""
        return tf.cast(self.network.call(x_b), x_b.dtype)

    def forward_and_log_det(self, x):
        x_a, x_b = tf.split(x, 2, axis=-1)
        y_a, log_det = self.transform(x_a, self.parameters(x_b))
        return tf.concat([y_a, x_b], axis=-1), log_det

    def inverse_and_log_det(self, y):
        y_a, y_b = tf.split(y, 2, axis=-1)
        x_a, log_det = self.invert(y_a, self.parameters(y_b))
        return tf.concat([x_a, y_b], axis=-1), log_det

    def inverse_and_gradients(self, y, dy, dlog_det):
        """As the base class has it, with one evaluation of the network, since its input y_b = x_b is known."""
        y_a, x_b = tf.split(y, 2, axis=-1)
        dy_a, dy_b = tf.split(dy, 2, axis=-1)
        values = [variable.value for variable in self.trainable_variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([x_b, *values])
            parameters = self.parameters(x_b)
            with tape.stop_recording():
                x_a, _ = self.invert(y_a, parameters)
            tape.watch(x_a)
            y_a, log_det = self.transform(x_a, parameters)
        dx_a, dx_b, *dvalues = tape.gradient([y_a, log_det], [x_a, x_b, *values], [dy_a, dlog_det])
        gradients = {id(v): dv for v, dv in zip(self.trainable_variables, dvalues, strict=True)}
        return tf.concat([x_a, x_b], axis=-1), tf.concat([dx_a, dx_b + dy_b], axis=-1), gradients
