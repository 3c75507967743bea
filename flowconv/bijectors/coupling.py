"""What the coupling layers share."""

import tensorflow as tf

from flowconv.bijectors import inputs
from flowconv.bijectors.bijector import Bijector
from flowconv.bijectors.coupling_network import CouplingNetwork
from flowconv.bijectors.partitions import ChannelHalves, Partition


class Coupling(Bijector):
    """x = (x_a, x_b) in two halves; y_b = x_b, and y_a is a function of x_a with parameters NN(x_b).

    A layer writes `transform` and `invert`. Cost of forward and inverse: one evaluation of the network
    each.

    Args:
      width: hidden channels of the network.
      partition: what the halves are (default: of the channels, which must be even).
      network_dtype: dtype policy of the network alone, e.g. "mixed_bfloat16" (default: the layer's own).
    """

    parameters_per_number: int

    def __init__(self, width: int, partition: Partition | None = None, network_dtype: str | None = None, **kwargs):
        super().__init__(**kwargs)
        inputs.number(width, lambda width: width >= 1 and width == int(width), "width", "a whole number of at least 1")
        self.width = width
        self.partition = partition or ChannelHalves()
        self.network_dtype = network_dtype or self.dtype_policy

    def build(self, input_shape):
        seen, each = self.partition.network_channels(tuple(input_shape[-3:]))
        self.network = CouplingNetwork(
            self.width, self.parameters_per_number * each, dtype=self.network_dtype, name="network"
        )
        self.network.build((*input_shape[:-1], seen))

    def transform(self, x_a: tf.Tensor, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns y_a and log |det ∂y_a/∂x_a|, `[B]`."""
        raise NotImplementedError

    def invert(self, y_a: tf.Tensor, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns x_a and log |det ∂x_a/∂y_a|, `[B]`."""
        raise NotImplementedError

    def parameters(self, x_b: tf.Tensor) -> tf.Tensor:
        """Returns NN(x_b), of the shape of x_a with `parameters_per_number` times its channels, in the dtype of x_b."""
        return self.partition.parameters(tf.cast(self.network.call(self.partition.seen(x_b)), x_b.dtype))

    def forward_and_log_det(self, x):
        x_a, x_b = self.partition.split(x)
        y_a, log_det = self.transform(x_a, self.parameters(x_b))
        return self.partition.join(y_a, x_b), log_det

    def inverse_and_log_det(self, y):
        y_a, y_b = self.partition.split(y)
        x_a, log_det = self.invert(y_a, self.parameters(y_b))
        return self.partition.join(x_a, y_b), log_det

    def inverse_and_gradients(self, y, dy, dlog_det):
        """As the base class has it, with one evaluation of the network, since its input y_b = x_b is known."""
        y_a, x_b = self.partition.split(y)
        dy_a, dy_b = self.partition.split(dy)
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
        return self.partition.join(x_a, x_b), self.partition.join(dx_a, dx_b + dy_b), gradients
