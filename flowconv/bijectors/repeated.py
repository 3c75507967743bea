"""Depth as a loop: one step of flow, K times, over stacked variables."""

import contextlib
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.core import arguments
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.network import Average
from flowconv.core.weights import PerStep, RandomInitializer, Stacked, as_initializer
from flowconv.ops.scan import Backward, Updates, memory_efficient_scan, scan


class Repeated(Bijector):
    """y = f_K(… f_1(x)): K copies of one step with weights of their own, run in one `tf.while_loop`.

    The step is an ordinary layer, built once. `Repeated` owns its variables, stacked along a new first axis [K, …]; the
    step borrows the k-th slices. So neither the graph nor the number of variables grows with K. The step must keep the
    shape of its input. Its condition is that of `Repeated`, its seed one for each step. Weights that it assigns, as
    statistics or a counter, are written back.

    Inverse: the steps' inverses from the last to the first. Log-determinant: the sum. Cost: K times the step's; the
    gradient costs, in evaluations of the step and memory for activations,

    * "store": TensorFlow's own gradient of the loop. Each step's intermediate results are kept: O(K) memory.
    * "recompute": each step's input is kept and the step evaluated again: O(K) inputs of memory.
    * "invert": nothing is kept; walking back from the last step, each step's input is computed from its
      output by inverting it: O(1) memory. As exact as the inverse is; measure its drift.

    The last two have first derivatives alone. They refuse a step that uses any tensor but its arguments and variables.

    By default any step is inverted. Choose another way where its inverse is slow, as that of an autoregressive or a
    residual layer. Do so, too, where it loses digits in float32, as that of a mixture (`unsafe_inverse`). `build_model`
    does.

    Args:
      step: an unbuilt bijector that keeps shapes.
      depth: K ≥ 1.
      backward: one of the three.

    Example:
      >>> from flowconv.bijectors import ActNorm, Repeated
      >>> layer = Repeated(ActNorm(), depth=3)
      >>> layer.build((None, 4, 4, 2))
      >>> [tuple(variable.shape) for variable in layer.trainable_variables]
      [(3, 2), (3, 2)]
    """

    def __init__(self, step: Bijector, depth: int, backward: Backward = "invert", **kwargs: Any):
        super().__init__(**kwargs)
        arguments.whole(1, depth=depth)
        if backward not in ("store", "recompute", "invert"):
            raise ValueError(f"backward must be 'store', 'recompute' or 'invert', got {backward!r}")
        self.depth = depth
        self.backward = backward
        # Hidden from Keras' and TensorFlow's tracking: `Repeated` owns the stacked variables, the step borrows slices.
        self._hidden = types.SimpleNamespace(step=step)

    def step(self) -> Bijector:
        """Returns the step, whose variables have values only where they are bound (see `bind`).

        (Keras would save what a property returns.)
        """
        return self._hidden.step

    def build(self, input_shape: tuple[Any, ...]) -> None:
        shape = tuple(input_shape[-3:])
        if self.step().forward_shape(shape) != shape:
            raise ValueError(f"the step must keep shapes, and makes {self.step().forward_shape(shape)} of {shape}")
        with keras.StatelessScope(initialize_variables=False):  # the step's variables get a shape, but no memory
            self.step().build(input_shape)
        prefix = self.step().path + "/"
        self._hidden.stacked = {
            id(variable): self.add_weight(
                shape=(self.depth, *variable.shape),
                initializer=_stacked(variable),
                dtype=variable.dtype,
                trainable=variable.trainable,
                regularizer=getattr(variable, "regularizer", None),
                autocast=False,
                name=variable.path.split(prefix)[-1].replace("/", "."),
            )
            for variable in self.step().variables
        }

    def stack(self, variable: keras.Variable) -> tf.Variable:
        """Returns the values `[K, …]` of one of the step's variables."""
        return self._hidden.stacked[id(variable)].value

    def slices(self, k: int) -> list[tf.Tensor]:
        """Returns the values of the k-th step's variables, to be bound."""
        return [stack[k] for stack in self._stacks()]

    def bind(self, values: Sequence[tf.Tensor]) -> keras.StatelessScope:
        """Returns a scope in which the step has `values`, in the order of `step.variables`."""
        return keras.StatelessScope(zip(self.step().variables, values, strict=True), initialize_variables=False)

    def _stacks(self) -> list[tf.Tensor]:
        return [tf.convert_to_tensor(self._hidden.stacked[id(v)].value) for v in self.step().variables]

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        step = _BoundStep(self, self.step().forward_and_log_det)
        if self.backward == "store":
            return self._written(*scan(step, x, inputs, self._stacks()))
        trainable = [i for i, variable in enumerate(self.step().variables) if variable.trainable]
        return self._written(
            *memory_efficient_scan(
                step, x, inputs, self._stacks(), trainable=trainable, backward=self.backward, layer=self.step()
            )
        )

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        step = _BoundStep(self, self.step().inverse_and_log_det)
        return self._written(*scan(step, y, inputs, self._stacks(), reverse=True))

    def initialize(self, x: tf.Tensor, inputs: Inputs = NONE, average: Average = tf.identity) -> tf.Tensor:
        def initialize(x: tf.Tensor, inputs: Inputs) -> tuple[tf.Tensor, tf.Tensor]:
            return self.step().initialize(x, inputs, average), tf.zeros([tf.shape(x)[0]], x.dtype)

        stacks = self._stacks()
        return self._written(*scan(_BoundStep(self, initialize), x, inputs, stacks, assigned=range(len(stacks))))[0]

    def _written(self, y: tf.Tensor, log_det: tf.Tensor, updates: Updates) -> tuple[tf.Tensor, tf.Tensor]:
        """Assigns the stacks that steps have assigned slices of; returns the results."""
        # Whole: TensorFlow copies a variable at each later read and update, once a part of it was written.
        for number, value in updates.items():
            self._hidden.stacked[id(self.step().variables[number])].assign(value)
        return y, log_det

    def children(self) -> list[tuple[str, Bijector]]:
        return [("step", self.step())]

    def singular_values(self) -> dict[str, np.ndarray]:
        """As the base class has it, `[K, n]`."""
        steps = []
        for k in range(self.depth):
            with self.bind(self.slices(k)):
                steps.append(self.step().singular_values())
        return {name: np.stack([values[name] for values in steps]) for name in steps[0]}


@contextlib.contextmanager
def inverting(model: keras.layers.Layer) -> Iterator[None]:
    """Has gradients through a model computed by inverting each `Repeated` in it, whatever it was built with.

    A SavedModel holds these gradients, too; those of the other ways need tensors that it can't hold.
    """
    repeated = [layer for layer in model._flatten_layers() if isinstance(layer, Repeated)]
    before = [layer.backward for layer in repeated]
    for layer in repeated:
        layer.backward = "invert"
    try:
        yield
    finally:
        for layer, backward in zip(repeated, before, strict=True):
            layer.backward = backward


class _BoundStep:
    """A step of the loop as a pure function: its weights are arguments, what it assigns are results."""

    def __init__(self, repeated: Repeated, transform: Callable[[tf.Tensor, Inputs], tuple[tf.Tensor, tf.Tensor]]):
        self.repeated = repeated
        self.transform = transform

    def apply(self, x: tf.Tensor, inputs: Inputs, values: Sequence[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor, Updates]:
        with self.repeated.bind(values) as scope:
            y, log_det = self.transform(x, inputs)
        now = [scope.get_current_value(variable) for variable in self.repeated.step().variables]
        return y, log_det, {i: value for i, value in enumerate(now) if value is not values[i]}

    def backpropagate(
        self, known: tf.Tensor, dy: tf.Tensor, dlog_det: tf.Tensor, inputs: Inputs, values: Sequence[tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor], list[tf.Tensor]]:
        step = self.repeated.step()
        with self.repeated.bind(values):
            walk = step.gradients if self.repeated.backward == "recompute" else step.inverse_and_gradients
            x, gradients = walk(known, dy, dlog_det, inputs)
        variables = [gradients.variables[id(v)] for v in step.variables if v.trainable]
        return x, gradients.x, gradients.condition, variables


def _stacked(variable: keras.Variable) -> Any:
    """The initializer of the stack of a step's variable."""
    # Keras keeps the initializer of its own layers' variables until they have a value.
    initializer = as_initializer(getattr(variable, "initializer", None) or variable._initializer)
    if isinstance(initializer, RandomInitializer):
        return Stacked(initializer)
    if isinstance(initializer, PerStep):
        return initializer.stack
    return lambda shape, dtype=None: tf.broadcast_to(initializer(shape[1:], dtype), shape)
