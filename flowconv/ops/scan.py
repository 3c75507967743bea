"""A step, K times, over stacked weights, in one loop; its gradient stores, recomputes or inverts.

A step is a pure function of its images, inputs and weights. So neither the graph nor the number of its weights grows
with K. The batch is computed in slices, one for each core.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Protocol

import tensorflow as tf

from flowconv.ops.backends import on_same_backend
from flowconv.ops.batch_parallel import (
    concat_batch,
    map_traced_once,
    num_slices,
    share_weights,
    slice_sizes,
    split_batch,
)
from flowconv.ops.closures import check_closed, closed, first_order, refuse_variables
from flowconv.ops.custom_gradient import custom_gradient
from flowconv.ops.shapes import batch_size
from flowconv.ops.stack import empty_like, finalize, lend_slices, read_slices, write_slice

Backward = Literal["store", "recompute", "invert"]
Updates = dict[int, tf.Tensor]  # new values of weights, by their numbers


class Step(Protocol):
    """A step of a loop; `values` are the slices of the stacks that belong to it."""

    def apply(self, x: tf.Tensor, inputs: Any, values: Sequence[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor, Updates]:
        """Returns y, log_det `[B]`, and the weights that the step assigned."""

    def backpropagate(
        self, known: tf.Tensor, dy: tf.Tensor, dlog_det: tf.Tensor, inputs: Any, values: Sequence[tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor], list[tf.Tensor]]:
        """Returns x, and the gradients of x, of `inputs.differentiable()` and of the trainable weights.

        `known` is x, or the step's output, as the way of backpropagation needs it.
        """


def scan(
    step: Step,
    x: tf.Tensor,
    inputs: Any,
    stacks: Sequence[tf.Tensor],
    *,
    reverse: bool = False,
    assigned: Sequence[int] = (),
) -> tuple[tf.Tensor, tf.Tensor, Updates]:
    """Applies a step K times. The gradient is TensorFlow's own, which keeps all intermediate results.

    Args:
      step: what is applied.
      x: `[B, …]`; the step keeps its shape.
      inputs: as `flowconv.core.inputs.Inputs`; the step's number is folded into its seed.
      stacks: the weights of all steps, `[K, …]` each.
      reverse: whether to begin with the last step.
      assigned: the numbers of stacks that the step is known to assign; others are found out by tracing it.

    Returns:
      y, the sum of the log-determinants `[B]`, and the stacks that the steps assigned, by their numbers.
    """
    y, log_det, updates, _ = _scan(step, x, inputs, stacks, reverse, assigned, keep_inputs=False)
    return y, log_det, updates


def memory_efficient_scan(
    step: Step,
    x: tf.Tensor,
    inputs: Any,
    stacks: Sequence[tf.Tensor],
    *,
    trainable: Sequence[int],
    backward: Backward,
    layer: Any,
) -> tuple[tf.Tensor, tf.Tensor, Updates]:
    """Applies a step K times; the gradient walks back from the last step to the first, and keeps little.

    Args:
      step: what is applied; a step may use nothing else but its arguments.
      x: `[B, …]`.
      inputs: as of `scan`.
      stacks: as of `scan`.
      trainable: the numbers of the stacks that have a gradient.
      backward: "recompute" keeps each step's input, "invert" the last output alone.
      layer: named where a step uses something else.

    Returns:
      As `scan`.
    """
    conditions = inputs.tensors()
    names: list[int] = []  # of the updates: known once the function is traced

    @custom_gradient
    def run(x: tf.Tensor, *tensors: tf.Tensor) -> Any:
        given, stacks = inputs.with_tensors(tensors[: len(conditions)]), tensors[len(conditions) :]
        keep = backward == "recompute"
        y, log_det, updates, kept = _scan(step, x, given, stacks, False, (), keep_inputs=keep)
        names[:] = updates

        @on_same_backend
        def gradient(dy: tf.Tensor, dlog_det: tf.Tensor, *_: tf.Tensor, variables: Any = ()) -> tuple[Any, ...]:
            refuse_variables(variables, backward)
            whole = bool(updates)
            dx, dconditions, dstacks = _backward(
                step, y, dy, dlog_det, given, stacks, trainable, kept, backward, layer, whole
            )
            return dx, *_in_places(dconditions, conditions), *(dstacks.get(i) for i in range(len(stacks)))

        return (y, log_det, *updates.values()), gradient

    y, log_det, *updates = run(x, *conditions, *stacks)
    return y, log_det, dict(zip(names, updates, strict=True))


def _in_places(gradients: Iterable[tf.Tensor], conditions: Sequence[tf.Tensor]) -> list[tf.Tensor | None]:
    """Gradients of the conditions that have one, None for the others."""
    gradients = iter(gradients)
    return [next(gradients) if condition.dtype.is_floating else None for condition in conditions]


def _scan(
    step: Step,
    x: tf.Tensor,
    inputs: Any,
    stacks: Sequence[tf.Tensor],
    reverse: bool,
    assigned: Sequence[int],
    keep_inputs: bool,
) -> tuple[tf.Tensor, tf.Tensor, Updates, list[tf.TensorArray]]:
    """The loop; also returns the steps' inputs, in a TensorArray for each slice of the batch, if they are kept."""
    length = stacks[0].shape[0] if stacks else 0
    # A step that assigns weights must see the whole batch, once.
    sizes = slice_sizes(x.shape[0], 1 if assigned else num_slices(x.shape[0]))
    slices, of_slices = split_batch(x, sizes), inputs.split(sizes)
    kept = [tf.TensorArray(x.dtype, length, element_shape=p.shape) for p in slices] if keep_inputs else []
    found: set[int] = set()
    others = [i for i in range(len(stacks)) if i not in assigned]

    def body(number: tf.Tensor, stacks: Any, updated: Any, slices: Any, log_dets: Any, kept: Any) -> tuple[Any, ...]:
        k = length - 1 - number if reverse else number
        if keep_inputs:
            kept = [array.write(k, part) for array, part in zip(kept, slices, strict=True)]
        lent, stacks = lend_slices(stacks, k) if others else ([], [])
        of_step = dict(zip(others, lent, strict=True)) | {
            i: stack[k] for i, stack in zip(assigned, updated, strict=True)
        }
        values = [of_step[i] for i in range(len(of_step))]
        given = [inputs.fold_in(k) for inputs in share_weights(of_slices)]
        results = [step.apply(*each, values) for each in zip(slices, given, strict=True)]
        slices, more, updates = zip(*results, strict=True)
        found.update(*updates)
        # Not in place: these may be the variables' own buffers. What a step assigns is small.
        updated = [
            tf.tensor_scatter_nd_update(stack, [[k]], updates[0][i][None]) if i in updates[0] else stack
            for i, stack in zip(assigned, updated, strict=True)
        ]
        log_dets = [a + b for a, b in zip(log_dets, more, strict=True)]
        return number + 1, stacks, updated, list(slices), log_dets, kept

    start = (
        0,
        [stacks[i] for i in others],
        [stacks[i] for i in assigned],
        slices,
        [_zeros(part) for part in slices],
        kept,
    )
    _, after, updated, slices, log_dets, kept = _loop(body, start, length)
    if found - set(assigned):
        return _scan(step, x, inputs, stacks, reverse, sorted(found), keep_inputs)
    y, log_det = finalize([concat_batch(slices), concat_batch(log_dets)], after)
    return y, log_det, {i: stack for i, stack in zip(assigned, updated, strict=True) if i in found}, kept


def _backward(
    step: Step,
    y: tf.Tensor,
    dy: tf.Tensor,
    dlog_det: tf.Tensor,
    inputs: Any,
    stacks: Sequence[tf.Tensor],
    trainable: Sequence[int],
    kept: Sequence[tf.TensorArray],
    backward: Backward,
    layer: Any,
    whole: bool,
) -> tuple[tf.Tensor, list[tf.Tensor], dict[int, tf.Tensor]]:
    """Gradients of x, of the condition, and of the stacks by their numbers, from the last step to the first.

    `whole` is True of steps that assign weights: what they saw together they see together again.
    """
    length = stacks[0].shape[0]
    sizes = slice_sizes(y.shape[0], 1 if whole else num_slices(y.shape[0]))
    of_slices, dlog_dets = inputs.split(sizes), split_batch(dlog_det, sizes)
    if tf.executing_eagerly():
        conditions, first = inputs.tensors(), [stack[0] for stack in stacks]

        def forward(y: tf.Tensor, *tensors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            given = inputs.with_tensors(tensors[: len(conditions)])
            return step.apply(y, given, tensors[len(conditions) :])[:2]

        check_closed(forward, [y, *conditions, *first], layer, backward)

    def step_back(
        known: tf.Tensor, dy: tf.Tensor, dlog_det: tf.Tensor, condition: Any, seed: Any, values: Any
    ) -> tuple[Any, ...]:
        given = dataclasses.replace(inputs, condition=condition, seed=seed)
        x, dx, dconditions, dvalues = step.backpropagate(known, dy, dlog_det, given, values)
        with tf.control_dependencies(dvalues):  # before the next step: what they were made of is freed by then
            return tf.identity(x), dx, dconditions, dvalues

    def body(number: tf.Tensor, y: Any, dy: Any, dconditions: Any, sums: Any) -> tuple[Any, ...]:
        k = length - 1 - number
        values = read_slices(stacks, k)
        known = [array.read(k) for array in kept] or y
        allowed = [*dlog_dets, *(tensor for given in of_slices for tensor in given.tensors())]
        given = [inputs.fold_in(k) for inputs in of_slices]
        arguments = [
            (*each, inputs.condition, inputs.seed, values)
            for *each, inputs in zip(known, dy, dlog_dets, given, strict=True)
        ]
        with closed(layer, [*allowed, *values], backward):
            results = map_traced_once(step_back, arguments)
        x, dx, more, dvalues = zip(*results, strict=True)
        dconditions = [[a + b for a, b in zip(*pair, strict=True)] for pair in zip(dconditions, more, strict=True)]
        of_step = [tf.add_n(of_slices) for of_slices in zip(*dvalues, strict=True)]
        sums = [write_slice(s, k, g) for s, g in zip(sums, of_step, strict=True)]
        return number + 1, list(x), list(dx), dconditions, sums

    dy = tf.ensure_shape(dy, y.shape)  # which gradients inside another loop may have lost
    zeros = [[tf.zeros_like(tensor) for tensor in given.differentiable()] for given in of_slices]
    sums = [empty_like(stacks[i]) for i in trainable]
    start = (0, split_batch(y, sizes), split_batch(dy, sizes), zeros, sums)
    _, _, dx, dconditions, sums = _loop(body, start, length)
    dconditions = [concat_batch(of_slices) for of_slices in zip(*dconditions, strict=True)]
    dx, *rest = first_order([concat_batch(dx), *dconditions, *sums], backward)
    return dx, rest[: len(dconditions)], dict(zip(trainable, rest[len(dconditions) :], strict=True))


def _loop(body: Callable[..., Any], start: tuple[Any, ...], length: int) -> tuple[Any, ...]:
    # Two rounds at a time: a slice of the batch may be one step ahead of another, what earlier ones used is freed.
    return tf.while_loop(
        lambda number, *_: number < length, body, start, parallel_iterations=2, maximum_iterations=length
    )


def _zeros(x: tf.Tensor) -> tf.Tensor:
    return tf.zeros([batch_size(x)], x.dtype)
