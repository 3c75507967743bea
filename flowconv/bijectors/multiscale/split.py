"""Half of the channels leave as latents."""

from typing import Any, NoReturn

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.bijectors.transform import Transform
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.network import Average, Network
from flowconv.ops.shapes import per_example


class Split(Bijector):
    """x = [x_a, z_b] in halves of the channels: x_a flows on, z_b is latent (Dinh et al. 2017, section 3.6).

    By itself z_b is the second half, N(0, I): the paper's choice. With a transform and a network, z_b is the transform
    of the second half x_b with parameters NN(x_a). With `Gaussian` x_b is N(μ(x_a), σ(x_a)²), openai/glow's learned
    prior: log N(x_b; μ, σ²) = log N(z_b; 0, 1) − Σ log σ, so that all latents of a flow are N(0, I) either way.

    Forward: [B, H, W, C] → (x_a, z_b), [B, H, W, C/2] each. Inverse: x_b from z_b, joined with x_a.
    Log-determinant: 0, or the transform's. Cost: none, or one evaluation of the network.

    Args:
      transform: of the half that leaves (default: none).
      network: of its parameters, not built yet.

    Example:
      >>> from flowconv.bijectors import Split
      >>> Split().compute_output_shape((None, 4, 4, 6))
      ((None, 4, 4, 3), (None, 4, 4, 3))
    """

    def __init__(self, transform: Transform | None = None, network: Network | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if (transform is None) != (network is None):
            raise ValueError("a split has both a transform and a network, or neither")
        self.transform = transform
        self.network = network

    def build(self, input_shape: tuple[Any, ...]) -> None:
        if input_shape[-1] % 2:
            raise ValueError(f"{self.name}: the number of channels must be even, got {input_shape[-1]}")
        if self.transform is not None and self.network is not None:
            half = input_shape[-1] // 2
            self.network.outputs = self.transform.parameters_per_dim * half
            self.network.build((*input_shape[:-1], half))

    def forward_shape(self, shape: tuple[int, ...]) -> NoReturn:
        raise ValueError(f"{self.name}: gives a tuple, not one image")

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        half = (*input_shape[:-1], input_shape[-1] // 2)
        return half, half

    def parameters(self, x_a: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        """Returns NN(x_a), in the dtype of x_a, of a split that has a network."""
        assert self.network is not None
        return tf.cast(self.network.call(x_a, inputs), x_a.dtype)

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        x_a, x_b = tf.split(x, 2, axis=-1)
        if self.transform is None:
            return (x_a, x_b), per_example(0.0, x)
        z_b, log_det = self.transform.forward_and_log_det(x_b, self.parameters(x_a, inputs))
        return (x_a, z_b), log_det

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        x_a, z_b = y
        if self.transform is None:
            return tf.concat([x_a, z_b], axis=-1), per_example(0.0, x_a)
        x_b, log_det = self.transform.inverse_and_log_det(z_b, self.parameters(x_a, inputs))
        return tf.concat([x_a, x_b], axis=-1), log_det

    def initialize(self, x: tf.Tensor, inputs: Inputs = NONE, average: Average = tf.identity) -> tf.Tensor:
        x_a, x_b = tf.split(x, 2, axis=-1)
        if self.transform is None or self.network is None:
            return x_a, x_b
        outputs = self.network.initialize(x_a, inputs, average)
        return x_a, self.transform.forward_and_log_det(x_b, tf.cast(outputs, x_a.dtype))[0]
