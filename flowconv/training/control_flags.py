"""What each worker asks of all, in the exchange of its next step."""

from dataclasses import astuple, dataclass, fields

import tensorflow as tf


@dataclass(frozen=True)
class ControlFlags:
    """Requests of one worker, or of any.

    Attributes:
      stop: a signal came.
      restart: hosts came or are to go, and workers are to join anew.
      roll_back: the run diverges, and is to go back to its last checkpoint.
    """

    stop: bool
    restart: bool
    roll_back: bool

    def tensor(self) -> tf.Tensor:
        """Returns numbers `[n]`, whose mean over the workers tells whether any asks."""
        return tf.constant(astuple(self), tf.float32)

    @classmethod
    def of_means(cls, means: tf.Tensor) -> "ControlFlags":
        """Returns what any worker asks for, from the means of their tensors."""
        return cls(*(mean > 0 for mean in means.numpy()))


NUM_FLAGS = len(fields(ControlFlags))
