"""The contract that every layer of a flow keeps."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from flowconv.bijectors.inputs import floats

if TYPE_CHECKING:
    import tensorflow_probability as tfp

Gradients = dict[int, tf.Tensor]  # of trainable variables, by their id()


class Bijector(keras.layers.Layer):
    """An invertible Keras layer with TensorFlow Probability's bijector conventions.

    Data → latent is `forward` (the paper's f). A layer writes `forward_and_log_det` and
    `inverse_and_log_det`; the other methods derive from these two. Inputs and outputs are images
    `[B, H, W, C]`, log-determinants are `[B]`, in nats. Variables are made in `build(input_shape)`.

    Whatever is called, the input is looked at before (`take`): another dtype than floats is a TypeError, another shape
    than the one it was built for a ValueError, and so are numbers outside its domain, as far as they are known.
    """

    pixelwise_affine = False  # whether it is one, see that module

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name, inverse in (("forward_and_log_det", False), ("inverse_and_log_det", True)):
            if name in vars(cls):
                setattr(cls, name, _of_what_it_takes(vars(cls)[name], inverse))

    def forward_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns y = f(x) and log |det ∂f/∂x|, `[B]`, nats."""
        raise NotImplementedError

    def inverse_and_log_det(self, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns x = f⁻¹(y) and log |det ∂f⁻¹/∂y|, `[B]`, nats."""
        raise NotImplementedError

    def take(self, x: Any, inverse: bool = False) -> Any:
        """Returns x, an input of the forward or the inverse direction, as floats in the layer's dtype.

        Raises:
          TypeError: if it isn't of floats.
          ValueError: if the layer isn't built, or x has another shape, or eager numbers that it doesn't map.
        """
        if not self.built and type(self).build is not keras.layers.Layer.build:
            raise ValueError(f"{self.name}: is not built; call its build((None, H, W, C)), or the layer itself, first")
        shape = self._built_shape()
        if inverse:
            shapes = _shapes_after(self, shape)
            if isinstance(shapes[0], tuple):  # several outputs
                if not isinstance(x, (tuple, list)) or len(x) != len(shapes):
                    raise TypeError(f"{self.name}: expected {len(shapes)} tensors, got {type(x).__name__}")
                return tuple(floats(*pair, self.compute_dtype, self.name) for pair in zip(x, shapes, strict=True))
            return floats(x, shapes, self.compute_dtype, self.name)
        x = floats(x, shape, self.compute_dtype, self.name)
        if x.shape[1:].is_fully_defined():
            self.forward_shape(tuple(x.shape[1:]))
        if not tf.is_symbolic_tensor(x) and np.any(outside := self.outside_domain(x)):
            raise ValueError(f"{self.name}: got {x[outside].numpy().ravel()[0]:g}, which is outside of its domain")
        return x

    def outside_domain(self, x: tf.Tensor) -> tf.Tensor | bool:
        """Returns of each number of x whether the layer doesn't map it; False: it maps all."""
        return False

    def _built_shape(self) -> tuple[int | None, ...]:
        """The (H, W, C) that it was built for; None where it may be any."""
        config = self.get_build_config()
        return tuple(config["input_shape"][-3:]) if config else (None, None, None)

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

        self.take(tf.zeros([0, *input_shape], self.compute_dtype))
        return KerasBijector(
            self.forward_and_log_det,
            self.inverse_and_log_det,
            input_shape,
            self.forward_shape(input_shape),
            self,
        )


def _of_what_it_takes(function: Callable, inverse: bool) -> Callable:
    """Makes a layer's function one that looks at its input first."""

    @functools.wraps(function)
    def take_and_compute(self, x):
        return function(self, self.take(x, inverse))

    return take_and_compute


def _shapes_after(layer: Bijector, shape: tuple[int | None, ...]) -> tuple:
    """Returns the shape of an example of the layer's output, or those of its outputs; None where it may be any."""
    if None in shape:
        return (None, None, None)
    shapes = layer.compute_output_shape((None, *shape))
    return tuple(part[1:] for part in shapes) if isinstance(shapes[0], tuple) else shapes[1:]


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
