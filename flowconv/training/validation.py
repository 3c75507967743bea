"""Evaluation at intervals."""

import contextlib
import math

import numpy as np
from ml_collections import ConfigDict

from flowconv import distributed
from flowconv.evaluation import Evaluator, health, pictures
from flowconv.training.run_logger import RunLogger
from flowconv.training.state import RunState
from flowconv.workdir import Workdir

HEALTH_IMAGES = 4  # of the validation split, at which the flow's health is looked at


class Validation:
    """Scores a run on the validation split every `train.evaluate_images` images and at its end; keeps the best weights.

    Args:
      state: of the run.
      evaluator: of its flow.
      images: uint8 `[N, H, W, C]`, the split.
      config: the run's.
      workdir: where pictures go.
    """

    def __init__(self, state: RunState, evaluator: Evaluator, images: np.ndarray, config: ConfigDict, workdir: Workdir):
        self.state = state
        self.evaluator = evaluator
        self.images = images
        self.config = config
        self.workdir = workdir

    def is_due(self, images_seen: int) -> bool:
        """Whether a multiple of train.evaluate_images, or the end, was reached since the last evaluation."""
        every, last = self.config.train.evaluate_images, int(self.state.evaluated)
        return images_seen // every > last // every or (last < images_seen and images_seen >= self.config.train.images)

    def run(self, images_seen: int, records: RunLogger) -> None:
        """Scores raw and averaged weights; keeps the best; draws pictures."""
        state = self.state
        raw = self.evaluator.bits_per_dim(self.images, name="validation")
        with state.ema_weights():
            averaged = self.evaluator.bits_per_dim(self.images, name="validation, averaged weights")
        scores = {"raw": raw, "averaged": averaged}
        better = min(scores, key=lambda name: scores[name] if math.isfinite(scores[name]) else math.inf)
        figures: dict[str, float] = {}
        looks = self._looks(images_seen, better, records, figures)
        distributed.first_works(looks, self.evaluator.between)
        # From here on nothing may come between: these belong together.
        improved = scores[better] < float(state.best_bits_per_dim)
        with _as_before_on_errors([state.evaluated, state.best_bits_per_dim, state.average_is_best]):
            state.evaluated.assign(images_seen)
            if improved:
                state.best_bits_per_dim.assign(scores[better])
                state.average_is_best.assign(better == "averaged")
            distributed.run_on_root(lambda: self._keep(images_seen, raw, averaged, figures, improved, records))

    def _looks(self, images_seen, better, records, figures):
        """Draws pictures and looks at the flow's health, piece by piece."""
        with self.state.ema_weights() if better == "averaged" else contextlib.nullcontext():
            records.pictures(images_seen, {"samples": self._samples(images_seen, records)})
            yield
            pairs = pictures.reconstruction_grid(self.state.flow, self.images[:16])
            records.pictures(images_seen, {"reconstructions": pairs})
            yield
        figures.update(health(self.state.flow, self.images[:HEALTH_IMAGES]))

    def _keep(self, images_seen, raw, averaged, figures, improved, records):
        records.validation(images_seen, raw, averaged, figures)
        if improved and self.state.checkpoints.save_best(images_seen):
            records.keep_data()

    def _samples(self, images_seen, records):
        samples = pictures.sample_grid(self.state.flow, self.config.evaluation.samples, 0.8, self.config.seed)
        path = self.workdir.pictures / f"samples-{images_seen:09}.png"
        records.attempt("pictures", lambda: pictures.save(path, samples))
        return samples


@contextlib.contextmanager
def _as_before_on_errors(variables):
    """Within it, an error, as of a full disk, gives these their values back: they tell of what wasn't written."""
    before = [variable.numpy() for variable in variables]
    try:
        yield
    except Exception:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        raise
