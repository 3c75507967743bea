"""A transform with parameters that a condition alone decides on."""

from typing import Any

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.bijectors.transform import Transform
from flowconv.core.condition import Condition
from flowconv.core.inputs import NONE, Inputs
from flowconv.ops.shapes import batch_size


class Conditional(Bijector):
    """y = T(x; θ(c)): a transform of each number, whose parameters are an embedding of the condition c.

    With `Gaussian` it is a prior of latents that is another one for each condition, as openai/glow's of a class:
    log N(x; μ(c), σ(c)²) = log N(y; 0, 1) − Σ log σ(c). Of a class they are one number a channel each.

    Inverse and log-determinant: the transform's. Cost: that of the transform and of the embedding, O(B·H·W·C). The
    parameters are 0 at first, with which a Gaussian is the identity.

    Args:
      transform: of x.
      condition: the kind of c.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Conditional, Gaussian, Inputs
      >>> from flowconv.conditions.class_ import ClassCondition
      >>> layer = Conditional(Gaussian(), ClassCondition(10))
      >>> layer.build((None, 4, 4, 12))
      >>> layer.forward(tf.ones([2, 4, 4, 12]), Inputs(tf.constant([3, 7]))).shape
      TensorShape([2, 4, 4, 12])
    """

    def __init__(self, transform: Transform, condition: Condition, **kwargs: Any):
        super().__init__(**kwargs)
        self.transform = transform
        self.condition = condition

    def build(self, input_shape: tuple[Any, ...]) -> None:
        channels = self.transform.parameters_per_dim * input_shape[-1]
        self.embedding = self.condition.embedding(channels, dtype=self.dtype_policy, name="embedding")
        self.embedding.build((*input_shape[:-1], channels))

    def parameters(self, x: tf.Tensor, inputs: Inputs) -> tf.Tensor:
        """Returns θ(c), `parameters_per_dim` images of the shape of x.

        Raises:
          ValueError: if the inputs have no condition.
        """
        if inputs.condition is None:
            raise ValueError(f"{self.name}: expected a condition in its inputs, got none")
        embedded = tf.cast(self.embedding.call(inputs.condition, inputs), x.dtype)
        return tf.broadcast_to(embedded, [batch_size(x), *x.shape[1:3], embedded.shape[-1]])

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return self.transform.forward_and_log_det(x, self.parameters(x, inputs))

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return self.transform.inverse_and_log_det(y, self.parameters(y, inputs))
