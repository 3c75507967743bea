"""When a run diverges, and must go back."""

from collections.abc import Mapping

import tensorflow as tf
from ml_collections import ConfigDict

from flowconv.data import first_of
from flowconv.evaluation import diagnosis, ill_conditioned
from flowconv.models import Flow
from flowconv.words import counted

LARGE_NORM = 100.0  # of a gradient, bits/dim: that of log|det W| grows as 1 over W's smallest singular value


class Divergence:
    """Watches the steps of one run.

    A step whose loss or gradient isn't finite is skipped. For several in a row, or a matrix that is all but singular,
    the run goes back. Matrices are looked at when the gradient is large, and then again when it is twice as large.

    Args:
      settings: `config.guards`.
      flow: the model.
      learning_rate_factor: the training step's.

    Attributes:
      settings: the argument.
      reason: of going back, None while there is none. What one worker finds, the others learn with the next step.
      skipped: how many steps in a row have been skipped.
      rollbacks: int64 variable, how often the run has gone back.
    """

    reason: str | None

    def __init__(self, settings: ConfigDict, flow: Flow, learning_rate_factor: tf.Variable):
        self.settings = settings
        self.flow = flow
        self.learning_rate_factor = learning_rate_factor
        self.rollbacks = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._forget()

    def _forget(self):
        self.reason = None
        self.skipped = 0
        self._norm_looked_at = 0.0

    def observe(self, skipped: bool, gradient_norm: float) -> None:
        """Takes note of a step that was skipped or not, and whose gradient had this norm."""
        if self.reason:  # is being told to the others
            return
        self.skipped = self.skipped + 1 if skipped else 0
        if self.skipped >= self.settings.skipped_steps:
            self.reason = f"loss or gradients were not finite in {counted(self.skipped, 'step')} in a row"
        elif gradient_norm < LARGE_NORM:
            self._norm_looked_at = 0.0
        elif gradient_norm >= 2.0 * self._norm_looked_at:
            self._norm_looked_at = gradient_norm
            singular = ill_conditioned(self.flow, self.settings.condition_number)
            self.reason = f"{singular[0]}, above guards.condition_number" if singular else None

    def note_rollback(self, rollbacks: int, learning_rate_factor: float) -> None:
        """Notes that the run went back; the arguments are what they were before."""
        self._forget()
        self.rollbacks.assign(rollbacks + 1)
        self.learning_rate_factor.assign(learning_rate_factor * self.settings.learning_rate_factor)

    def diagnose(self, batch: Mapping[str, tf.Tensor]) -> str:
        """Returns one line that names the layer, from the weights and from the first image of a batch."""
        return diagnosis(self.flow, first_of(batch, 1))
