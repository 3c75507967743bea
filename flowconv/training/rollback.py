"""How a run that diverges goes back."""

from collections.abc import Mapping

import tensorflow as tf

from flowconv import distributed
from flowconv.errors import Diverged
from flowconv.training.run_logger import RunLogger
from flowconv.training.state import RunState
from flowconv.words import counted
from flowconv.workdir import Workdir


def roll_back(
    state: RunState,
    logger: RunLogger,
    workdir: Workdir,
    learning_rate: float,
    batch: Mapping[str, tf.Tensor],
    images_seen: int,
) -> None:
    """Goes back to the last good checkpoint with a lower learning rate, on every worker, of which one has a reason.

    Args:
      state: of the run.
      logger: of the run.
      workdir: of the run.
      learning_rate: the run's, at its peak.
      batch: the last one, for a diagnosis.
      images_seen: with it.

    Raises:
      Diverged: on every worker, if the run went back `guards.rollbacks` times already, or has no checkpoint.
    """
    divergence = state.divergence
    reason = next(filter(None, distributed.gather(divergence.reason)))
    diagnosis = distributed.run_on_root(lambda: divergence.diagnose(batch))
    told = f"step {images_seen // int(state.images_a_step):,}, {counted(images_seen, 'image')}: {reason}; {diagnosis}"
    rollbacks, factor = int(divergence.rollbacks), float(state.step.learning_rate_factor)
    if rollbacks >= divergence.settings.rollbacks:
        before = (
            f"went back {rollbacks} times already, to {factor:g} of that rate in the end" if rollbacks else "diverges"
        )
        raise Diverged(
            f"--config.optimizer.learning_rate={learning_rate}: {told}; the run {before}: start again with a lower one"
        )
    restored = distributed.run_on_root(state.checkpoints.restore)
    if not restored:
        raise Diverged(f"--workdir={workdir.path}: {told}; and there is no checkpoint to go back to")
    distributed.broadcast(state.variables)
    divergence.note_rollback(rollbacks, factor)
    back = f"back to {counted(int(state.images_seen), 'image')}, with {float(state.step.learning_rate_factor):g}"
    logger.go_back(restored, f"{told}; {back} of the learning rate")
