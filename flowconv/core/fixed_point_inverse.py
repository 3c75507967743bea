"""The derivatives of an inverse that is a fixed point."""

from collections.abc import Callable

import keras
import tensorflow as tf

from flowconv.core.inputs import Inputs
from flowconv.core.network import Network
from flowconv.ops.fixed_point import fixed_point


def with_derivatives(
    better: Callable[[tf.Tensor, tf.Tensor, Inputs], tf.Tensor],
    found: tf.Tensor,
    steps: int,
    y: tf.Tensor,
    inputs: Inputs,
    network: Network,
) -> tf.Tensor:
    """Returns a solution x = better(x, y, inputs) with its derivatives by y, the condition and the network's weights.

    Args:
      better: uses nothing but its arguments and the network.
      found: the solution, however it was found.
      steps: the limit of an iteration for the derivatives.
      y: what is inverted.
      inputs: with the condition.
      network: whose weights they are.
    """
    variables, count = network.variables, len(inputs.tensors())

    def function(x: tf.Tensor, y: tf.Tensor, *tensors: tf.Tensor) -> tf.Tensor:
        # A depth loop lends the weights for a while, and a gradient is computed later.
        with keras.StatelessScope(zip(variables, tensors[count:], strict=True), initialize_variables=False):
            return better(x, y, inputs.with_tensors(tensors[:count]))

    values = [tf.convert_to_tensor(variable.value) for variable in variables]
    return fixed_point(function, found, steps, y, *inputs.tensors(), *values)
