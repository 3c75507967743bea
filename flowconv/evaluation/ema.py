"""The moving average of the weights, which Keras' optimizers keep."""

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def ema_weights(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> Iterator[None]:
    """Gives trainable variables the values of their moving average, if there is one, while a block runs.

    Args:
      model: what the optimizer trains.
      optimizer: after at least one step; made with `use_ema=False` it keeps no average.
    """
    variables = model.trainable_variables
    weights = [variable.numpy() for variable in variables]
    optimizer.finalize_variable_values(variables)
    try:
        yield
    finally:
        for variable, weight in zip(variables, weights, strict=True):
            variable.assign(weight)
