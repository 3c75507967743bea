"""Updates of variables and their optimizer's slots in place, by one operation each.

An update written as many small operations holds four copies of all weights at its peak: those of all variables become
ready at once, and each result is as large as its variable.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf


def adam_update(
    variable: keras.Variable, slots: Sequence[keras.Variable], gradient: tf.Tensor, constants: dict[str, tf.Tensor]
) -> tf.Operation:
    """Updates a variable and its two slots by Adam."""
    m, v = (slot.value.handle for slot in slots)
    return tf.raw_ops.ResourceApplyAdam(var=variable.value.handle, m=m, v=v, grad=gradient, **constants)


def adamax_update(
    variable: keras.Variable, slots: Sequence[keras.Variable], gradient: tf.Tensor, constants: dict[str, tf.Tensor]
) -> tf.Operation:
    """Updates a variable and its two slots by Adamax."""
    m, v = (slot.value.handle for slot in slots)
    constants = {name: value for name, value in constants.items() if name != "beta2_power"}
    return tf.raw_ops.ResourceApplyAdaMax(var=variable.value.handle, m=m, v=v, grad=gradient, **constants)


def decay_update(variable: keras.Variable, rate: tf.Tensor) -> tf.Operation:
    """Moves a variable towards zero by that part of it."""
    value = variable.value
    return tf.raw_ops.ResourceApplyGradientDescent(var=value.handle, alpha=rate, delta=tf.convert_to_tensor(value))


def average_update(average: keras.Variable, variable: keras.Variable, gain: tf.Tensor) -> tf.Operation:
    """Moves an average towards a variable's value by that part of their difference."""
    difference = average.value - variable.value  # of which the operation subtracts the gain's part
    return tf.raw_ops.ResourceApplyGradientDescent(var=average.value.handle, alpha=gain, delta=difference)


def two_at_a_time(update: Callable[..., tf.Operation], *lists: Sequence[Any]) -> None:
    """Calls update(…) for the items of the lists, so that two of the operations may run at the same time.

    What each makes on its way, a clipped gradient or a difference, is as large as its variable.
    """
    done: list[tf.Operation] = []
    for items in zip(*lists, strict=True):
        with tf.control_dependencies(done[-2:-1]):
            done.append(update(*items))
