"""The contract that every layer of a flow keeps."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from flowconv.core.arguments import floats
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.layer import Layer
from flowconv.core.network import Average
from flowconv.words import distinct

if TYPE_CHECKING:
    import tensorflow_probability as tfp


class Gradients(NamedTuple):
    """The loss' gradients with respect to what a layer's output is made of.

    Attributes:
      x: with respect to the layer's input.
      condition: a list, with respect to `inputs.differentiable()`.
      variables: with respect to the trainable variables, by their id().

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import ActNorm
      >>> layer = ActNorm()
      >>> layer.build((None, 4, 4, 2))
      >>> y = tf.ones([1, 4, 4, 2])
      >>> x, gradients = layer.inverse_and_gradients(y, dy=tf.ones_like(y), dlog_det=tf.ones([1]))
      >>> gradients.x.shape, len(gradients.variables)
      (TensorShape([1, 4, 4, 2]), 2)
    """

    x: tf.Tensor
    condition: list[tf.Tensor]
    variables: dict[int, tf.Tensor]


class Bijector(Layer):
    """An invertible Keras layer with TensorFlow Probability's bijector conventions.

    Data → latent is `forward` (the paper's f). A layer writes `forward_and_log_det` and `inverse_and_log_det`; the
    other methods derive from these two. Images are `[B, H, W, C]`, log-determinants `[B]`, in nats. Variables are made
    in `build(input_shape)`; `reset_weights(seed)` draws the random ones.

    Whatever is called, the input is looked at before (`take`): another dtype than floats is a TypeError, another shape
    than the one it was built for a ValueError, and so are numbers outside its domain, as far as they are known.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import ActNorm
      >>> layer = ActNorm()
      >>> layer.build((None, 4, 4, 3))
      >>> y, log_det = layer.forward_and_log_det(tf.ones([2, 4, 4, 3]))
      >>> log_det.shape
      TensorShape([2])
    """

    is_per_pixel_affine = False  # see `flowconv.bijectors.per_pixel_affine`
    unsafe_inverse = ""  # as a `Transform` has it

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, inverse in (("forward_and_log_det", False), ("inverse_and_log_det", True), ("initialize", False)):
            if name in vars(cls):
                setattr(cls, name, _of_what_it_takes(vars(cls)[name], inverse))

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns y = f(x) and log |det ∂f/∂x|, `[B]`, nats."""
        raise NotImplementedError

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns x = f⁻¹(y) and log |det ∂f⁻¹/∂y|, `[B]`, nats."""
        raise NotImplementedError

    def initialize(self, x: tf.Tensor, inputs: Inputs = NONE, average: Average = tf.identity) -> tf.Tensor:
        """Sets data-dependent weights from a batch, unless that was done before; returns y = f(x).

        Args:
          x: the batch.
          inputs: as of `forward_and_log_det`.
          average: returns a tensor's mean over all workers, so that statistics are those of the global batch.
        """
        return self.forward(x, inputs)

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
            self.compute_output_shape((None, *x.shape[1:]))
        outside = False if tf.is_symbolic_tensor(x) else self.outside_domain(x)
        if np.any(outside):
            raise ValueError(f"{self.name}: got {x[outside].numpy().ravel()[0]:g}, which is outside of its domain")
        return x

    def outside_domain(self, x: tf.Tensor) -> tf.Tensor | bool:
        """Returns of each number of x whether the layer doesn't map it; False: it maps all."""
        return False

    def _built_shape(self) -> tuple[int | None, ...]:
        """The (H, W, C) that it was built for; None where it may be any."""
        config = self.get_build_config()
        return tuple(config["input_shape"][-3:]) if config else (None, None, None)

    def forward(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        """Returns y = f(x)."""
        return self.forward_and_log_det(x, inputs)[0]

    def inverse(self, y: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        """Returns x = f⁻¹(y)."""
        return self.inverse_and_log_det(y, inputs)[0]

    def forward_log_det_jacobian(self, x: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        """Returns log |det ∂f/∂x| at x, `[B]`, nats."""
        return self.forward_and_log_det(x, inputs)[1]

    def inverse_log_det_jacobian(self, y: tf.Tensor, inputs: Inputs = NONE) -> tf.Tensor:
        """Returns log |det ∂f⁻¹/∂y| at y, `[B]`, nats."""
        return self.inverse_and_log_det(y, inputs)[1]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns y = f(x): Keras' own entry."""
        return self.forward(x)

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Returns the output's `(H, W, C)` for an input of `(H, W, C)`.

        Raises:
          ValueError: if the layer doesn't map such, or gives a tuple.
        """
        return tuple(shape)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Returns `[B, *forward_shape]` for `[B, H, W, C]`: Keras' own, which summaries show."""
        return (*input_shape[:-3], *self.forward_shape(tuple(input_shape[-3:])))

    def children(self) -> list[tuple[str, Bijector]]:
        """Returns the layers that this one is made of, with their places in it."""
        return []

    def stages(self) -> list[Bijector]:
        """Returns `[self]`, or of a chain or of levels the layers of these, in the order in which data pass them."""
        return [self]

    @property
    def takes_guidance(self) -> bool:
        """Whether guidance makes another map of the layer, or of one that it is made of."""
        return any(layer.takes_guidance for _, layer in self.children())

    def flat(self) -> list[Bijector]:
        """Returns `[self]`, or of a plain chain the layers of it, nested chains included."""
        return [self]

    def estimates_log_det(self) -> bool:
        """Returns whether a log-determinant, its own or that of a part, is an estimate: right in expectation alone."""
        return any(child.estimates_log_det() for _, child in self.children())

    def singular_values(self) -> dict[str, np.ndarray]:
        """Returns the singular values of the layer's matrices by name, `[n]` each: how far they are from singular.

        By default they are those of the layers that it is made of; of these, some may have equal names.
        """
        children = self.children()
        names = distinct([name for name, _ in children])
        return {
            f"{name}/{own}": values
            for name, (_, layer) in zip(names, children, strict=True)
            for own, values in layer.singular_values().items()
        }

    def inverse_and_gradients(
        self, y: tf.Tensor, dy: tf.Tensor, dlog_det: tf.Tensor, inputs: Inputs = NONE
    ) -> tuple[tf.Tensor, Gradients]:
        """Backpropagates from the output instead of a stored input.

        Args:
          y: the layer's output.
          dy: the loss' gradient with respect to y.
          dlog_det: the loss' gradient with respect to the forward log-determinant, `[B]`.
          inputs: those of the forward pass.

        Returns:
          The input x = f⁻¹(y), and the gradients.
        """
        return self.gradients(tf.stop_gradient(self.inverse(y, inputs)), dy, dlog_det, inputs)

    def gradients(
        self, x: tf.Tensor, dy: tf.Tensor, dlog_det: tf.Tensor, inputs: Inputs = NONE
    ) -> tuple[tf.Tensor, Gradients]:
        """Backpropagates from a known input x; arguments and results as of `inverse_and_gradients`."""
        return x, backpropagate(self.forward_and_log_det, self.trainable_variables, x, dy, dlog_det, inputs)

    def as_bijector(self, input_shape: tuple[int, int, int]) -> tfp.bijectors.Bijector:
        """Returns this layer as a `tfb.Bijector` over events `input_shape` = [H, W, C], which it must be built for."""
        from flowconv.bijectors.tfp import KerasBijector

        self.take(tf.zeros([0, *input_shape], self.compute_dtype))
        return KerasBijector(
            self.forward_and_log_det,
            self.inverse_and_log_det,
            input_shape,
            self.forward_shape(input_shape),
            self,
        )


def backpropagate(
    forward_and_log_det: Callable[[tf.Tensor, Inputs], tuple[tf.Tensor, tf.Tensor]],
    variables: Sequence[keras.Variable],
    x: tf.Tensor,
    dy: tf.Tensor,
    dlog_det: tf.Tensor,
    inputs: Inputs,
) -> Gradients:
    """Returns the gradients of a function of x and of these variables, by evaluating it once more."""
    values, conditions = [variable.value for variable in variables], inputs.differentiable()
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([x, *conditions, *values])
        y, log_det = forward_and_log_det(x, inputs)
    dx, *rest = tape.gradient(
        [y, log_det], [x, *conditions, *values], [dy, dlog_det], unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    dvalues = rest[len(conditions) :]
    return Gradients(dx, rest[: len(conditions)], {id(v): dv for v, dv in zip(variables, dvalues, strict=True)})


def _of_what_it_takes(function: Callable[..., Any], inverse: bool) -> Callable[..., Any]:
    """Makes a layer's function one that looks at its input first."""

    @tf.autograph.experimental.do_not_convert  # layers are mathematics; to convert them takes as long as to trace them
    @functools.wraps(function)
    def take_and_compute(self: Bijector, x: Any, *arguments: Any, **keywords: Any) -> Any:
        return function(self, self.take(x, inverse), *arguments, **keywords)

    return take_and_compute


def _shapes_after(layer: Bijector, shape: tuple[int | None, ...]) -> tuple[Any, ...]:
    """Returns the shape of an example of the layer's output, or those of its outputs; None where it may be any."""
    if None in shape:
        return (None, None, None)
    shapes = layer.compute_output_shape((None, *shape))
    return tuple(part[1:] for part in shapes) if isinstance(shapes[0], tuple) else shapes[1:]
