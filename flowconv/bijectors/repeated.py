"""Depth as a loop: one step of flow, K times, over stacked variables."""

import types
from collections.abc import Callable
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from flowconv.bijectors.bijector import Bijector, batch_size
from flowconv.bijectors.initialization import initializing

Backward = Literal["store", "recompute", "invert"]


class Repeated(Bijector):
    """y = f_K(… f_1(x)): K copies of one step with weights of their own, run in one `tf.while_loop`.

    The step is an ordinary layer, built once; `Repeated` owns its variables, stacked along a new first
    axis [K, …], and lends it the k-th slices through a `keras.StatelessScope`. So neither the graph nor the
    number of variables grows with K. The step must keep the shape of its input.

    Inverse: the steps' inverses from the last to the first. Log-determinant: the sum. Cost: K times the
    step's; the gradient costs, in evaluations of the step and memory for activations,

    * "store": TensorFlow's own gradient of the loop. Each step's intermediate results are kept: O(K) memory.
    * "recompute": each step's input is kept and the step evaluated again: O(K) inputs of memory.
    * "invert": nothing is kept; walking back from the last step, each step's input is computed from its
      output by inverting it: O(1) memory. As exact as the inverse is; measure its drift.

    Args:
      step: an unbuilt bijector that keeps shapes.
      depth: K ≥ 1.
      backward: one of the three.
    """

    def __init__(self, step: Bijector, depth: int, backward: Backward = "invert", **kwargs):
        super().__init__(**kwargs)
        if depth < 1:
            raise ValueError(f"depth must be at least 1, got {depth}")
        if backward not in ("store", "recompute", "invert"):
            raise ValueError(f"backward must be 'store', 'recompute' or 'invert', got {backward!r}")
        self.depth = depth
        self.backward = backward
        self._hidden = types.SimpleNamespace(step=step)  # from Keras: the step's variables are lent, not owned

    def step(self) -> Bijector:
        """Returns the step, whose variables have values only where they are lent (see `lend`)."""
        return self._hidden.step

    def build(self, input_shape):
        with keras.StatelessScope(initialize_variables=False):  # the step's variables get a shape, but no memory
            self.step().build(input_shape)
        prefix = self.step().path + "/"
        self._stacked = {
            id(variable): self.add_weight(
                shape=(self.depth, *variable.shape),
                initializer=_independent_draws(variable._initializer),
                dtype=variable.dtype,
                trainable=variable.trainable,
                autocast=False,
                name=variable.path.split(prefix)[-1].replace("/", "."),
            )
            for variable in self.step().variables
        }

    def stack(self, variable: keras.Variable) -> tf.Variable:
        """Returns the values `[K, …]` of one of the step's variables."""
        return self._stacked[id(variable)].value

    def slices(self, k: int) -> list[tf.Tensor]:
        """Returns the values of the k-th step's variables, to be lent."""
        return [stack[k] for stack in self._stacks()]

    def lend(self, values: list[tf.Tensor]) -> keras.StatelessScope:
        """Returns a scope in which the step has `values`, in the order of `step.variables`."""
        mapping = zip(self.step().variables, values, strict=True)
        return keras.StatelessScope(mapping, initialize_variables=False)

    def _stacks(self) -> list[tf.Tensor]:
        return [tf.convert_to_tensor(self._stacked[id(v)].value) for v in self.step().variables]

    def forward_and_log_det(self, x):
        if initializing():
            return self._initialize(x)
        if self.backward == "store":
            return self._stored_forward(x)
        return self._lean_forward(x, *self._stacks())

    def inverse_and_log_det(self, y):
        stacks = self._stacks()

        def body(k, y, total):
            with self.lend([tf.gather(stack, k) for stack in stacks]):
                x, log_det = self.step().inverse_and_log_det(y)
            return k - 1, x, total + log_det

        _, x, log_det = _loop(lambda k, *_: k >= 0, body, (self.depth - 1, y, _zeros(y)), self.depth)
        return x, log_det

    def singular_values(self):
        """As the base class has it, `[K, n]`."""
        steps = []
        for k in range(self.depth):
            with self.lend(self.slices(k)):
                steps.append(self.step().singular_values())
        return {name: np.stack([values[name] for values in steps]) for name in steps[0]}

    def _stored_forward(self, x):
        # Read through TensorArrays, a slice's gradient is one list element, not a whole stack of zeros.
        slices = [tf.TensorArray(s.dtype, self.depth, element_shape=s.shape[1:]).unstack(s) for s in self._stacks()]

        def body(k, x, total):
            with self.lend([s.read(k) for s in slices]):
                y, log_det = self.step().forward_and_log_det(x)
            return k + 1, y, total + log_det

        _, y, log_det = _loop(lambda k, *_: k < self.depth, body, (0, x, _zeros(x)), self.depth)
        return y, log_det

    def _lean_forward(self, x, *stacks):
        """Forward with a gradient of its own, which needs the last output or the steps' inputs alone."""
        keep_inputs = self.backward == "recompute"

        @tf.custom_gradient
        def run(x, *stacks):
            def body(k, x, total, inputs):
                if keep_inputs:
                    inputs = inputs.write(k, x)
                with self.lend([tf.gather(stack, k) for stack in stacks]):
                    y, log_det = self.step().forward_and_log_det(x)
                return k + 1, y, total + log_det, inputs

            inputs = tf.TensorArray(x.dtype, self.depth if keep_inputs else 0, element_shape=x.shape)
            start = (0, x, _zeros(x), inputs)
            _, y, log_det, inputs = _loop(lambda k, *_: k < self.depth, body, start, self.depth)

            def gradient(dy, dlog_det):
                kept = inputs if keep_inputs else None
                return self._walk_back(y, dy, dlog_det, stacks, kept)

            return (y, log_det), gradient

        return run(x, *stacks)

    def _walk_back(self, y, dy, dlog_det, stacks, inputs):
        """Gradients of x and of each stack, from the last step to the first."""
        trainable = [i for i, variable in enumerate(self.step().variables) if variable.trainable]
        sums = [tf.TensorArray(stacks[i].dtype, self.depth, element_shape=stacks[i].shape[1:]) for i in trainable]

        def body(k, y, dy, sums):
            with self.lend([tf.gather(stack, k) for stack in stacks]):
                if inputs is None:
                    x, dx, gradients = self.step().inverse_and_gradients(y, dy, dlog_det)
                else:
                    x, dx, gradients = self.step().gradients(inputs.read(k), dy, dlog_det)
            sums = [s.write(k, gradients[id(self.step().variables[i])]) for s, i in zip(sums, trainable, strict=True)]
            return k - 1, x, dx, sums

        dy = tf.ensure_shape(dy, y.shape)  # which gradients inside another loop may have lost
        start = (self.depth - 1, y, dy, sums)
        _, _, dx, sums = _loop(lambda k, *_: k >= 0, body, start, self.depth)
        gradients = dict(zip(trainable, (s.stack() for s in sums), strict=True))
        return dx, *(gradients.get(i) for i in range(len(stacks)))

    def _initialize(self, x):
        """A forward pass in which each step sets itself; what it sets is written to the stacks."""
        # Stacks are read and written whole: TensorFlow copies a variable at each later read and update, once a part
        # of it was read or written (by a gather or scatter of the variable itself).
        stacks = self._stacks()

        def body(k, x, total):
            lent = [tf.gather(stack, k) for stack in stacks]
            with self.lend(lent) as scope:
                y, log_det = self.step().forward_and_log_det(x)
            for variable, before in zip(self.step().variables, lent, strict=True):
                now = scope.get_current_value(variable)
                if now is not before:
                    stack = self._stacked[id(variable)].value
                    stack.assign(tf.tensor_scatter_nd_update(stack, [[k]], now[None]))
            return k + 1, y, total + log_det

        _, y, log_det = _loop(lambda k, *_: k < self.depth, body, (0, x, _zeros(x)), self.depth)
        return y, log_det


def _loop(condition: Callable, body: Callable, start: tuple, depth: int) -> tuple:
    # One iteration at a time: what a step used is freed before the next one begins.
    return tf.while_loop(condition, body, start, parallel_iterations=1, maximum_iterations=depth)


def _zeros(x):
    return tf.zeros([batch_size(x)], x.dtype)


def _independent_draws(initializer: Callable) -> Callable:
    """Returns an initializer of shape [K, …] that draws each of the K slices with a seed of its own."""

    def initialize(shape, dtype=None):
        if getattr(initializer, "seed", None) is None:
            return tf.stack([initializer(shape[1:], dtype)] * shape[0])
        if isinstance(initializer, keras.initializers.RandomNormal):  # of one deviation whatever the shape
            return initializer(shape, dtype)
        seeds = np.random.SeedSequence(initializer.seed).generate_state(shape[0]) >> 1  # within int32
        config = initializer.get_config()
        draw = type(initializer).from_config
        return tf.stack([draw(config | {"seed": int(seed)})(shape[1:], dtype) for seed in seeds])

    return initialize
