"""Stacks: tensors `[K, …]` of which each round of a loop has the k-th slice.

TensorFlow accumulates the gradient of `stack[k]` in one more tensor as large as the stack in each round, and that of a
list of slices in a second copy of them. Here each slice's gradient is written in place: one buffer, one write a slice.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from flowconv.ops.backends import compiles_with_xla, on_same_backend, runs_on_cpu
from flowconv.ops.custom_gradient import custom_gradient


def read_slices(stacks: Sequence[tf.Tensor], k: tf.Tensor) -> list[tf.Tensor]:
    """Returns the k-th slices of stacks."""
    # On CPUs the first are views of the stacks, not copies; XLA would pad a stack first.
    return [stack[k] if runs_on_cpu() else tf.gather(stack, k) for stack in stacks]


def empty_like(like: tf.Tensor) -> tf.Tensor:
    """Returns a stack of the same shape and dtype that holds anything until each of its slices is written."""
    return tf.raw_ops.Empty(shape=like.shape.as_list(), dtype=like.dtype, init=False)


def write_slice(stack: tf.Tensor, k: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Writes the k-th slice of a stack made by `empty_like` **in place**, and returns the stack.

    TensorFlow's operations without such a side effect copy the stack in each round of a loop. XLA sees for itself that
    it need not.
    """

    @custom_gradient
    def written(stack: tf.Tensor, values: tf.Tensor) -> Any:
        if compiles_with_xla():
            result = tf.tensor_scatter_nd_update(stack, [[k]], values[None])
        else:
            result = tf.raw_ops.InplaceUpdate(x=stack, i=[k], v=values[None])

        def gradient(of_stack: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            if not tf.executing_eagerly():
                raise ValueError("a tf.function has no second derivatives of a depth loop: take them eagerly")
            # What a stack holds before its slices are written is of no consequence.
            return of_stack, of_stack[k]

        return result, gradient

    return written(stack, values)


def lend_slices(stacks: Sequence[tf.Tensor], k: tf.Tensor) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """Reads the k-th slices of stacks in a loop; returns them, and the stacks for the next round.

    Close the loop with `finalize`. Each slice may be read only once, so that its gradient is written once.
    """

    @custom_gradient
    def slices(*stacks: tf.Tensor) -> Any:
        @on_same_backend
        def gradient(*gradients: tf.Tensor) -> list[tf.Tensor | None]:
            of_slices, of_stacks = gradients[: len(stacks)], gradients[len(stacks) :]
            return [  # tensors: of what was gathered from a slice they are indexed
                None if s is None else write_slice(stack, k, tf.convert_to_tensor(s))
                for stack, s in zip(of_stacks, of_slices, strict=True)
            ]

        return [*read_slices(stacks, k), *map(tf.identity, stacks)], gradient

    results = slices(*stacks)
    return results[: len(stacks)], results[len(stacks) :]


def finalize(results: Sequence[tf.Tensor], stacks: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Ends a loop over `lend_slices`; returns the results.

    Its gradient starts from uninitialized buffers: TensorFlow would share one tensor of zeros between all stacks of a
    shape, which are written in place.
    """

    @custom_gradient
    def identity(*tensors: tf.Tensor) -> Any:
        return [*map(tf.identity, tensors[: len(results)])], lambda *gradients: [*gradients, *map(empty_like, stacks)]

    return identity(*results, *stacks)
