"""What a run consists of while it trains: all that its checkpoints hold."""

import contextlib

import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict

from flowconv import distributed
from flowconv.config import architecture
from flowconv.errors import warn
from flowconv.evaluation import ema_weights
from flowconv.models import build_flow
from flowconv.training.checkpoints import Checkpoints
from flowconv.training.divergence import Divergence
from flowconv.training.step import build_step
from flowconv.workdir import Workdir


class RunState:
    """Model, optimizer and progress of a run, without values until they are restored or initialized.

    Args:
      config: validated.
      workdir: where the checkpoints lie.

    Attributes:
      flow: the model.
      step: the training step, with the optimizer and the count of images seen.
      seconds: float64 variable, of training steps so far.
      best_bits_per_dim: float64 variable, the lowest on the validation split.
      average_is_best: bool variable, whether averaged weights had that, rather than the raw ones.
      evaluated: int64 variable, the images seen at the last evaluation.
      images_a_step: int64 variable, the global batch.
      divergence: which watches the steps.
      variables: all of these.
    """

    def __init__(self, config: ConfigDict, workdir: Workdir):
        # A checkpoint has the weights, or initialization draws them.
        self.flow = build_flow(config, reset=False)
        self.step = build_step(config, self.flow, reset=False)
        self.optimizer, self.images_seen = self.step.optimizer, self.step.images_seen
        self.seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self.best_bits_per_dim = tf.Variable(np.inf, dtype=tf.float64, trainable=False)
        self.average_is_best = tf.Variable(False, trainable=False)
        self.evaluated = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.images_a_step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.divergence = Divergence(config.guards, self.flow, self.step.learning_rate_factor)
        progress = {
            "images_seen": self.images_seen,
            "seconds": self.seconds,
            "best_bits_per_dim": self.best_bits_per_dim,
            "average_is_best": self.average_is_best,
            "evaluated": self.evaluated,
            "images_a_step": self.images_a_step,
            "rollbacks": self.divergence.rollbacks,
            "learning_rate_factor": self.step.learning_rate_factor,
        }
        self.variables = [*self.flow.variables, *self.optimizer.variables, *progress.values()]
        self.checkpoints = Checkpoints(
            self.flow, self.optimizer, progress, architecture(config), workdir.checkpoints, workdir.best_checkpoint
        )

    def restore_best(self) -> None:
        """Reads, on every worker, the weights that were best on the validation split; tells if there are only others.

        Raises:
          UserError: on every worker, if there are none.
        """
        restored = distributed.run_on_root(self.checkpoints.restore_best)
        if distributed.is_root():
            for line in restored.damaged:
                warn(line)
        distributed.broadcast(self.variables)

    def ema_weights(self) -> contextlib.AbstractContextManager:
        """Gives the model the moving average of its weights while a block runs."""
        return ema_weights(self.flow, self.optimizer)

    def better_weights(self) -> contextlib.AbstractContextManager:
        """Gives the model, while a block runs, those that were better on validation: raw ones or their average."""
        return self.ema_weights() if self.average_is_best else contextlib.nullcontext()
