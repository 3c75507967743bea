"""Stacks: tensors `[K, …]` of which each round of a loop has the k-th slice.

TensorFlow's gradient of slices that were read by number is, at each round, one more tensor as large as the stack, and
that of a list of them a second copy of all slices. Here gradients are written where they belong, once each.
"""

from collections.abc import Sequence

import tensorflow as tf

from flowconv.bijectors.side_by_side import by_xla, for_same_device, on_cores


def read(stacks: Sequence[tf.Tensor], k: tf.Tensor) -> list[tf.Tensor]:
    """Returns the k-th slices of stacks."""
    # On CPUs the first are views of the stacks, not copies; XLA would pad a stack first.
    return [stack[k] if on_cores() else tf.gather(stack, k) for stack in stacks]


def unwritten(like: tf.Tensor) -> tf.Tensor:
    """Returns a stack of the same shape and dtype that holds anything until each of its slices is written."""
    return tf.raw_ops.Empty(shape=like.shape.as_list(), dtype=like.dtype, init=False)


def write(stack: tf.Tensor, k: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Returns a stack made by `unwritten` with these values as its k-th slice; what was the stack before changes, too.

    TensorFlow's operations without such a side effect copy the stack in each round of a loop. XLA sees for itself that
    it need not.
    """

    @tf.custom_gradient
    def written(stack, values):
        if by_xla():
            result = tf.tensor_scatter_nd_update(stack, [[k]], values[None])
        else:
            result = tf.raw_ops.InplaceUpdate(x=stack, i=[k], v=values[None])

        def gradient(of_stack):
            if not tf.executing_eagerly():
                raise ValueError("a tf.function has no second derivatives of a depth loop: take them eagerly")
            # What a stack holds before its slices are written is of no consequence.
            return of_stack, of_stack[k]

        return result, gradient

    return written(stack, values)


def lend(stacks: Sequence[tf.Tensor], k: tf.Tensor) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """Returns the k-th slices, and the stacks to go on with: as variables of a loop that ends with `give_back`.

    Every slice is lent once, so that each slice of the stacks' gradients is written once.
    """

    @tf.custom_gradient
    def slices(*stacks):
        @for_same_device
        def gradient(*gradients):
            of_slices, of_stacks = gradients[: len(stacks)], gradients[len(stacks) :]
            return [None if s is None else write(stack, k, s) for stack, s in zip(of_stacks, of_slices, strict=True)]

        return [*read(stacks, k), *map(tf.identity, stacks)], gradient

    results = slices(*stacks)
    return results[: len(stacks)], results[len(stacks) :]


def give_back(results: Sequence[tf.Tensor], stacks: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Returns all that the slices that were lent made; in its gradient the stacks' begin as `unwritten`.

    (By themselves they would begin as zeros, of which those of one shape are one tensor.)
    """

    @tf.custom_gradient
    def identity(*tensors):
        return [*map(tf.identity, tensors[: len(results)])], lambda *gradients: [*gradients, *map(unwritten, stacks)]

    return identity(*results, *stacks)
