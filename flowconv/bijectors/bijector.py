"""The contract that every layer of a flow keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    import tensorflow_probability as tfp

Gradients = dict[int, tf.Tensor]  # of trainable variables, by their id()


class Bijector(keras.layers.Layer):
    """An invertible Keras layer with TensorFlow Probability's bijector conventions.

    Data → latent is `forward` (the paper's f). A layer writes `forward_and_log_det` and
    `inverse_and_log_det`; the other methods derive from these two. Inputs and outputs are images
    `[B, H, W, C]`, log-determinants are `[B]`, in nats. Variables are made in `build(input_shape)`.
    """

    pixelwise_affine = False  # whether it is one, see that module

    def forward_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns y = f(x) and log |det ∂f/∂x|, `[B]`, nats."""
        raise NotImplementedError

    def inverse_and_log_det(self, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns x = f⁻¹(y) and log |det ∂f⁻¹/∂y|, `[B]`, nats."""
        raise NotImplementedError

    def forward(self, x: tf.Tensor) -> tf.Tensor:
        """Returns y = f(x)."""
        return self.forward_and_log_det(x)[0]

    def inverse(self, y: tf.Tensor) -> tf.Tensor:
        """Returns x = f⁻¹(y)."""
        return self.inverse_and_log_det(y)[0]

    def forward_log_det_jacobian(self, x: tf.Tensor) -> tf.Tensor:
        """Returns log |det ∂f/∂x| at x, `[B]`, nats."""
        return self.forward_and_log_det(x)[1]

    def inverse_log_det_jacobian(self, y: tf.Tensor) -> tf.Tensor:
        """Returns log |det ∂f⁻¹/∂y| at y, `[B]`, nats."""
        return self.inverse_and_log_det(y)[1]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Keras' own entry: the forward direction."""
        return self.forward(x)

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Returns the output's `(H, W, C)` for an input of `(H, W, C)`."""
        return tuple(shape)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Keras' own, which summaries show: `[B, H, W, C]` to `[B, *forward_shape]`."""
        return (*input_shape[:-3], *self.forward_shape(tuple(input_shape[-3:])))

    def flat(self) -> list[Bijector]:
        """Returns the layers that this one is nothing but the composition of: itself, unless it is a chain."""
        return [self]

    def singular_values(self) -> dict[str, np.ndarray]:
        """Returns the singular values of the layer's matrices by name, `[n]` each: how far they are from singular."""
        return {}

    def inverse_and_gradients(
        self, y: tf.Tensor, dy: tf.Tensor, dlog_det: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, Gradients]:
        """One step of backpropagation that starts from the output instead of a stored input.

        Args:
          y: the layer's output.
          dy: the loss' gradient with respect to y.
          dlog_det: the loss' gradient with respect to the forward log-determinant, `[B]`.

        Returns:
          The input x = f⁻¹(y), the loss' gradient with respect to x, and those of the trainable variables.
        """
        return self.gradients(tf.stop_gradient(self.inverse(y)), dy, dlog_det)

    def gradients(self, x: tf.Tensor, dy: tf.Tensor, dlog_det: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, Gradients]:
        """Backpropagation from a known input; arguments and results as in `inverse_and_gradients`."""
        values = [variable.value for variable in self.trainable_variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([x, *values])
            y, log_det = self.forward_and_log_det(x)
        dx, *dvalues = tape.gradient(
            [y, log_det], [x, *values], [dy, dlog_det], unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return x, dx, {id(v): dv for v, dv in zip(self.trainable_variables, dvalues, strict=True)}

    def as_bijector(self, input_shape: tuple[int, int, int]) -> tfp.bijectors.Bijector:
        """Returns this layer as a `tfb.Bijector` over events `input_shape` = [H, W, C], which it must be built for."""
        from flowconv.bijectors.probability import KerasBijector

        return KerasBijector(
            self.forward_and_log_det,
            self.inverse_and_log_det,
            input_shape,
            self.forward_shape(input_shape),
            self.compute_dtype,
            self.name,
        )


def per_example(value: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Returns the scalar `value` once for each example of x, `[B]`: a log-determinant that no pixel enters."""
    return tf.fill([batch_size(x)], tf.cast(value, x.dtype))


def batch_size(x: tf.Tensor) -> int | tf.Tensor:
    """Returns the length of the first axis, as a number where it is known."""
    return x.shape[0] or tf.shape(x)[0]


def sum_per_example(x: tf.Tensor) -> tf.Tensor:
    """Returns the sum over all axes but the first, `[B]`."""
    return tf.reduce_sum(x, axis=list(range(1, x.shape.rank)))


def pixels(x: tf.Tensor) -> float:
    """Returns H·W of images `[B, H, W, C]`."""
    return float(x.shape[1] * x.shape[2])
