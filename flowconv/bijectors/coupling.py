"""The coupling layer."""

from typing import Any

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector, Gradients
from flowconv.bijectors.masks import ChannelMask, Mask
from flowconv.bijectors.transform import Transform
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.network import Average, Network


class Coupling(Bijector):
    """x = (x_a, x_b) in two halves; y_b = x_b, and y_a is a transform of x_a with parameters NN(x_b).

    Inverse: the transform's, with the same parameters, since y_b = x_b. Log-determinant: the transform's. Cost of
    forward and inverse: one evaluation of the network each.

    Args:
      transform: of x_a, as `elementwise.affine.Affine`.
      network: NN, not built yet.
      mask: what the halves are (default: of the channels, which must be even).

    Example:
      >>> from flowconv.bijectors import Affine, Coupling
      >>> from flowconv.networks.glow import GlowNetwork
      >>> layer = Coupling(Affine(), GlowNetwork(width=8))
      >>> layer.build((None, 4, 4, 6))
      >>> layer.network.outputs
      6

    References:
      Dinh, Krueger, Bengio 2015, "NICE: Non-linear Independent Components Estimation".
      Dinh, Sohl-Dickstein, Bengio 2017, "Density estimation using Real NVP".
    """

    def __init__(self, transform: Transform, network: Network, mask: Mask | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.transform = transform
        self.network = network
        self.mask = mask or ChannelMask()

    def build(self, input_shape: tuple[Any, ...]) -> None:
        shape = tuple(input_shape[-3:])
        self.network.outputs = self.transform.parameters_per_dim * self.mask.half_shape(shape)[-1]
        self.network.build((*input_shape[:-3], *self.mask.network_shape(shape)))

    def parameters(self, x_b: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        """Returns NN(x_b), `parameters_per_dim` images of the shape of x_a, in the dtype of x_b."""
        outputs = self.network.call(self.mask.network_input(x_b), inputs)
        return self.mask.parameters(tf.cast(outputs, x_b.dtype))

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        x_a, x_b = self.mask.split(x)
        y_a, log_det = self.transform.forward_and_log_det(x_a, self.parameters(x_b, inputs))
        return self.mask.merge(y_a, x_b), log_det

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        y_a, y_b = self.mask.split(y)
        x_a, log_det = self.transform.inverse_and_log_det(y_a, self.parameters(y_b, inputs))
        return self.mask.merge(x_a, y_b), log_det

    def initialize(self, x: tf.Tensor, inputs: Inputs = NONE, average: Average = tf.identity) -> tf.Tensor:
        x_a, x_b = self.mask.split(x)
        outputs = self.network.initialize(self.mask.network_input(x_b), inputs, average)
        y_a, _ = self.transform.forward_and_log_det(x_a, self.mask.parameters(tf.cast(outputs, x_b.dtype)))
        return self.mask.merge(y_a, x_b)

    def inverse_and_gradients(
        self, y: tf.Tensor, dy: tf.Tensor, dlog_det: tf.Tensor, inputs: Inputs = NONE
    ) -> tuple[tf.Tensor, Gradients]:
        """As the base class has it, with one evaluation of the network, since its input y_b = x_b is known."""
        y_a, x_b = self.mask.split(y)
        dy_a, dy_b = self.mask.split(dy)
        values, conditions = [variable.value for variable in self.trainable_variables], inputs.differentiable()
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([x_b, *conditions, *values])
            parameters = self.parameters(x_b, inputs)
            with tape.stop_recording():
                x_a, _ = self.transform.inverse_and_log_det(y_a, parameters)
            tape.watch(x_a)
            y_a, log_det = self.transform.forward_and_log_det(x_a, parameters)
        dx_a, dx_b, *rest = tape.gradient(
            [y_a, log_det], [x_a, x_b, *conditions, *values], [dy_a, dlog_det], unconnected_gradients="zero"
        )
        dvalues = rest[len(conditions) :]
        variables = {id(v): dv for v, dv in zip(self.trainable_variables, dvalues, strict=True)}
        dx = self.mask.merge(dx_a, dx_b + dy_b)
        return self.mask.merge(x_a, x_b), Gradients(dx, rest[: len(conditions)], variables)
