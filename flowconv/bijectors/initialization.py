"""What sets weights at first: random draws, and a forward pass in which layers set themselves from what they see."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar

import keras
import tensorflow as tf

from flowconv.bijectors.context import within

_average: ContextVar[Callable[[tf.Tensor], tf.Tensor] | None] = ContextVar("average", default=None)
_later: ContextVar[bool] = ContextVar("later", default=False)


def drawn_later() -> AbstractContextManager:
    """Within it, flows are built without drawing the weights of their networks, optimizers without clearing slots.

    Their memory holds anything, until `Flow.draw` and `clear` of the optimizer set it, or a checkpoint is read.
    """
    return within(_later, True)


def drawing_later() -> bool:
    """True inside `drawn_later`."""
    return _later.get()


def without_values(shape: tuple[int, ...], dtype: str | None = None) -> tf.Tensor:
    """An initializer for what is set later: takes memory, and doesn't touch it."""
    return tf.raw_ops.Empty(shape=shape, dtype=tf.as_dtype(dtype))


def data_dependent_initialization(average: Callable[[tf.Tensor], tf.Tensor] = tf.identity) -> AbstractContextManager:
    """Within it, a forward pass initializes every layer that was not, from the batch that reaches it.

    Args:
      average: returns a tensor's mean over all workers, so that the statistics are those of the global batch.
    """
    return within(_average, average)


def initializing() -> bool:
    """True inside `data_dependent_initialization`."""
    return _average.get() is not None


def channel_moments(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns mean and standard deviation, `[C]` each, of x `[B, H, W, C]` over the global batch."""
    moments = tf.nn.moments(x, list(range(x.shape.rank - 1)))
    mean, variance = (tf.cast(moment, tf.float64) for moment in moments)
    mean, mean_of_squares = tf.unstack(_average.get()(tf.stack([mean, variance + mean**2])))  # mean² cancels below
    return mean, tf.sqrt(tf.maximum(mean_of_squares - mean**2, 0.0)) + 1e-6


def normalize_once(layer: keras.layers.Layer, x: tf.Tensor) -> None:
    """Sets the layer's `log_scale` and `bias`, `[C]`, so that x ⊙ exp(log_scale) + bias is normalized in each channel.

    A layer whose variable `initialized` says that this was done stays as it is.
    """
    mean, deviation = channel_moments(x)
    for variable, value in ((layer.log_scale, -tf.math.log(deviation)), (layer.bias, -mean / deviation)):
        variable.assign(tf.where(layer.initialized.value > 0, variable.value, tf.cast(value, variable.dtype)))
    layer.initialized.assign(1.0)


def default_seed() -> int:
    """Returns a seed from Keras' source of seeds, which `keras.utils.set_random_seed` sets."""
    return keras.initializers.RandomNormal().seed
