"""Depth as a loop: one step of flow, K times, over stacked variables."""

import types
from collections.abc import Callable
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from flowconv.bijectors.bijector import Bijector, batch_size
from flowconv.bijectors.closures import Lent, check_closed, closed, first_order, refuse_variables
from flowconv.bijectors.initialization import drawing_later, initializing, without_values
from flowconv.bijectors.precision import in_same_precision
from flowconv.bijectors.side_by_side import for_same_device, joined, sharing, split
from flowconv.bijectors.stack import give_back, lend, read, unwritten, write

Backward = Literal["store", "recompute", "invert"]


class Repeated(Bijector):
    """y = f_K(… f_1(x)): K copies of one step with weights of their own, run in one `tf.while_loop`.

    The step is an ordinary layer, built once; `Repeated` owns its variables, stacked along a new first
    axis [K, …], and lends it the k-th slices through a `keras.StatelessScope`. So neither the graph nor the
    number of variables grows with K. The step must keep the shape of its input, and assign none of its variables.

    Inverse: the steps' inverses from the last to the first. Log-determinant: the sum. Cost: K times the
    step's; the gradient costs, in evaluations of the step and memory for activations,

    * "store": TensorFlow's own gradient of the loop. Each step's intermediate results are kept: O(K) memory.
    * "recompute": each step's input is kept and the step evaluated again: O(K) inputs of memory.
    * "invert": nothing is kept; walking back from the last step, each step's input is computed from its
      output by inverting it: O(1) memory. As exact as the inverse is; measure its drift.

    The last two have first derivatives alone, and refuse a step that uses any tensor but its input and its variables.

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
        shape = tuple(input_shape[-3:])
        if self.step().forward_shape(shape) != shape:
            raise ValueError(f"the step must keep shapes, and makes {self.step().forward_shape(shape)} of {shape}")
        with keras.StatelessScope(initialize_variables=False):  # the step's variables get a shape, but no memory
            self.step().build(input_shape)
        prefix = self.step().path + "/"
        self._stacked = {
            id(variable): self.add_weight(
                shape=(self.depth, *variable.shape),
                initializer=without_values if drawing_later() and _is_drawn(variable) else _stacked_draws(variable),
                dtype=variable.dtype,
                trainable=variable.trainable,
                autocast=False,
                name=variable.path.split(prefix)[-1].replace("/", "."),
            )
            for variable in self.step().variables
        }

    def draw(self) -> list[tf.Variable]:
        """Draws the stacks of normally distributed weights (again), nearly all of a model's numbers; returns them."""
        drawn = [variable for variable in self.step().variables if _is_drawn(variable)]
        for variable in drawn:
            stack = self.stack(variable)
            stack.assign(_stacked_draws(variable)(stack.shape, stack.dtype))
        return [self.stack(variable) for variable in drawn]

    def stack(self, variable: keras.Variable) -> tf.Variable:
        """Returns the values `[K, …]` of one of the step's variables."""
        return self._stacked[id(variable)].value

    def slices(self, k: int) -> list[tf.Tensor]:
        """Returns the values of the k-th step's variables, to be lent."""
        return [stack[k] for stack in self._stacks()]

    def lend(self, values: list[tf.Tensor], scope: type[keras.StatelessScope] = Lent) -> keras.StatelessScope:
        """Returns a scope in which the step has `values`, in the order of `step.variables`."""
        mapping = zip(self.step().variables, values, strict=True)
        return scope(mapping, initialize_variables=False)

    def _stacks(self) -> list[tf.Tensor]:
        return [tf.convert_to_tensor(self._stacked[id(v)].value) for v in self.step().variables]

    def forward_and_log_det(self, x):
        if initializing():
            return self._initialize(x)
        stacks = self._stacks()
        if self.backward != "store":
            return self._lean_forward(x, *stacks)
        y, log_det, _ = self._sweep(self.step().forward_and_log_det, x, stacks)
        return y, log_det

    def inverse_and_log_det(self, y):
        stacks = self._stacks()
        x, log_det, _ = self._sweep(self.step().inverse_and_log_det, y, stacks, backwards=True)
        return x, log_det

    def singular_values(self):
        """As the base class has it, `[K, n]`."""
        steps = []
        for k in range(self.depth):
            with self.lend(self.slices(k)):
                steps.append(self.step().singular_values())
        return {name: np.stack([values[name] for values in steps]) for name in steps[0]}

    def _sweep(self, transform, x, stacks, *, backwards=False, keep_inputs=False):
        """Returns x after the transforms of all steps, the sum of their log-determinants, and their inputs if kept.

        Args:
          transform: the step's forward or inverse.
          stacks: the values of the variables of all steps.
          backwards: whether to begin with the last step.
          keep_inputs: whether to keep the steps' inputs, in a TensorArray for each part of the batch.
        """

        def body(number, stacks, parts, log_dets, inputs):
            k = self.depth - 1 - number if backwards else number
            if keep_inputs:
                inputs = [kept.write(k, part) for kept, part in zip(inputs, parts, strict=True)]
            values, stacks = lend(stacks, k)
            with self.lend(values), sharing():
                parts, more = zip(*map(transform, parts), strict=True)
            return number + 1, stacks, list(parts), [a + b for a, b in zip(log_dets, more, strict=True)], inputs

        parts = split(x)
        inputs = [tf.TensorArray(x.dtype, self.depth, element_shape=p.shape) for p in parts] if keep_inputs else []
        start = (0, list(stacks), parts, [_zeros(part) for part in parts], inputs)
        _, stacks, parts, log_dets, inputs = _loop(body, start, self.depth)
        y, log_det = give_back([joined(parts), joined(log_dets)], stacks)
        return y, log_det, inputs

    def _lean_forward(self, x, *stacks):
        """Forward with a gradient of its own, which needs the last output or the steps' inputs alone."""
        keep_inputs = self.backward == "recompute"

        @tf.custom_gradient
        def run(x, *stacks):
            y, log_det, inputs = self._sweep(self.step().forward_and_log_det, x, stacks, keep_inputs=keep_inputs)

            @in_same_precision
            @for_same_device
            def gradient(dy, dlog_det, variables=()):
                refuse_variables(variables, self.backward)
                return self._walk_back(y, dy, dlog_det, stacks, inputs)

            return (y, log_det), gradient

        return run(x, *stacks)

    def _walk_back(self, y, dy, dlog_det, stacks, inputs):
        """Gradients of x and of each stack, from the last step to the first."""
        if tf.executing_eagerly():
            check_closed(self._forward_with, [y, *self.slices(0)], self.step(), self.backward)
        variables = self.step().variables
        trainable = [i for i, variable in enumerate(variables) if variable.trainable]
        sums = [unwritten(stacks[i]) for i in trainable]
        dlog_dets = split(dlog_det)
        backpropagate = self.step().gradients if inputs else self.step().inverse_and_gradients

        def step_back(known, dy, dlog_det):
            """Arguments, but for the known input or output, and results are one part's."""
            x, dx, gradients = backpropagate(known, dy, dlog_det)
            gradients = [gradients[id(variables[i])] for i in trainable]
            with tf.control_dependencies(gradients):  # before the next step: what they were made of is freed by then
                return tf.identity(x), dx, gradients

        def body(number, y, dy, sums):
            k = self.depth - 1 - number
            with self.lend(read(stacks, k)):
                known = [kept.read(k) for kept in inputs] or y
                with closed(self.step(), dlog_dets, self.backward):
                    x, dx, gradients = zip(*map(step_back, known, dy, dlog_dets), strict=True)
            of_step = [tf.add_n(of_parts) for of_parts in zip(*gradients, strict=True)]
            return number + 1, list(x), list(dx), [write(s, k, g) for s, g in zip(sums, of_step, strict=True)]

        dy = tf.ensure_shape(dy, y.shape)  # which gradients inside another loop may have lost
        _, _, dx, sums = _loop(body, (0, split(y), split(dy), sums), self.depth)
        dx, *sums = first_order([joined(dx), *sums], self.backward)
        gradients = dict(zip(trainable, sums, strict=True))
        return dx, *(gradients.get(i) for i in range(len(stacks)))

    def _forward_with(self, x, *values):
        with self.lend(list(values)):
            return self.step().forward_and_log_det(x)

    def _initialize(self, x):
        """A forward pass in which each step sets itself; what it sets is written to the stacks."""
        # Stacks are read and written whole: TensorFlow copies a variable at each later read and update, once a part
        # of it was read or written (by a gather or scatter of the variable itself).
        stacks = self._stacks()

        def body(k, x, total):
            lent = read(stacks, k)
            with self.lend(lent, keras.StatelessScope) as scope:
                y, log_det = self.step().forward_and_log_det(x)
            for variable, before in zip(self.step().variables, lent, strict=True):
                now = scope.get_current_value(variable)
                if now is not before:
                    stack = self._stacked[id(variable)].value
                    stack.assign(tf.tensor_scatter_nd_update(stack, [[k]], now[None]))
            return k + 1, y, total + log_det

        _, y, log_det = _loop(body, (0, x, _zeros(x)), self.depth)
        return y, log_det


def _loop(body: Callable, start: tuple, depth: int) -> tuple:
    # Two iterations at a time: a part of the batch may be one step ahead of another, what earlier ones used is freed.
    return tf.while_loop(
        lambda number, *_: number < depth, body, start, parallel_iterations=2, maximum_iterations=depth
    )


def _zeros(x):
    return tf.zeros([batch_size(x)], x.dtype)


def _is_drawn(variable: keras.Variable) -> bool:
    return isinstance(variable._initializer, keras.initializers.RandomNormal)


def _stacked_draws(variable: keras.Variable) -> Callable:
    """Returns an initializer of shape [K, …] that draws each of the K slices with a seed of its own."""
    initializer = variable._initializer

    def initialize(shape, dtype=None):
        if getattr(initializer, "seed", None) is None:
            return tf.stack([initializer(shape[1:], dtype)] * shape[0])
        if _is_drawn(variable):  # of one deviation whatever the shape
            return initializer(shape, dtype)
        seeds = np.random.SeedSequence(initializer.seed).generate_state(shape[0]) >> 1  # within int32
        config = initializer.get_config()
        draw = type(initializer).from_config
        return tf.stack([draw(config | {"seed": int(seed)})(shape[1:], dtype) for seed in seeds])

    return initialize
