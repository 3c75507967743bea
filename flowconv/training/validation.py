"""Evaluation at intervals."""

import contextlib
import math

import tensorflow as tf
from ml_collections import ConfigDict

from flowconv import distributed
from flowconv.data import first_of
from flowconv.data.batches import Examples
from flowconv.evaluation import Evaluator, Measurement, compute_metrics, health, metrics_in, pictures
from flowconv.training.run_logger import RunLogger
from flowconv.training.state import RunState
from flowconv.utils.progress_bar import progress
from flowconv.workdir import Workdir, dataset_record

HEALTH_IMAGES = 4  # of the validation split, at which the flow's health is looked at
TEMPERATURE = 0.8  # of the samples that show how training goes
SCORES = {"raw": "validation_bits_per_dim", "averaged": "validation_bits_per_dim_ema"}  # by which weights are chosen


class Validation:
    """Scores a run on the validation split every `train.evaluate_images` images and at its end; keeps the best weights.

    Args:
      settings: `config.train`.
      state: of the run.
      evaluator: of its flow.
      examples: of the split.
      samples: images of the grid that is drawn.
      seed: of these.
      workdir: where pictures go.
    """

    def __init__(
        self,
        settings: ConfigDict,
        state: RunState,
        evaluator: Evaluator,
        examples: Examples,
        samples: int,
        seed: int,
        workdir: Workdir,
    ):
        self.settings = settings
        self.state = state
        self.evaluator = evaluator
        self.examples = examples
        self.samples = samples
        self.seed = seed
        self.workdir = workdir

    def is_due(self, images_seen: int) -> bool:
        """Whether a multiple of train.evaluate_images, or the end, was reached since the last evaluation."""
        every, last = self.settings.evaluate_images, int(self.state.evaluated)
        return images_seen // every > last // every or (last < images_seen and images_seen >= self.settings.images)

    def run(self, images_seen: int, logger: RunLogger) -> None:
        """Scores raw and averaged weights; keeps the best; draws pictures."""
        state = self.state
        raw = Measurement(self.evaluator, self.examples, "validation")
        averaged = Measurement(self.evaluator, self.examples, "validation, averaged weights")
        figures = compute_metrics("validation", raw, "raw")
        with state.ema_weights():
            figures |= compute_metrics("validation", averaged, "ema")
        scores = {weights: figures[name] for weights, name in SCORES.items()}
        better = min(scores, key=lambda weights: scores[weights] if math.isfinite(scores[weights]) else math.inf)
        if metrics_in("validation", "better"):  # to swap the weights takes time
            with self._weights(better):
                figures |= compute_metrics("validation", averaged if better == "averaged" else raw, "better")
        diagnostics: dict[str, float] = {}
        looks = self._sample_and_reconstruct(images_seen, better, logger, diagnostics)
        looks = progress(looks, None, "validation, pictures and condition numbers", "pieces")
        distributed.run_pieces_on_root(looks, self.evaluator.between)
        # From here on nothing may come between: these belong together.
        improved = scores[better] < float(state.best_bits_per_dim)
        with _restored_on_errors([state.evaluated, state.best_bits_per_dim, state.average_is_best]):
            state.evaluated.assign(images_seen)
            if improved:
                state.best_bits_per_dim.assign(scores[better])
                state.average_is_best.assign(better == "averaged")
            distributed.run_on_root(lambda: self._keep(images_seen, figures, diagnostics, improved, logger))

    def _weights(self, kind):
        return self.state.ema_weights() if kind == "averaged" else contextlib.nullcontext()

    def _sample_and_reconstruct(self, images_seen, weights, logger, diagnostics):
        """Draws pictures and looks at the flow's health, piece by piece."""
        with self._weights(weights):
            logger.pictures(images_seen, {"samples": self._sample(images_seen, logger)})
            yield
            reconstructed = pictures.reconstruct(self.state.flow, first_of(self.examples, 16))
            sheet = pictures.reconstruction_sheet(*reconstructed)
            logger.pictures(images_seen, {"reconstructions": sheet})
            yield
        diagnostics.update(health(self.state.flow, first_of(self.examples, HEALTH_IMAGES)))

    def _keep(self, images_seen, figures, diagnostics, improved, logger):
        logger.validation(images_seen, figures, diagnostics)
        if improved and self.state.checkpoints.save_best(images_seen):
            logger.keep_data()

    def _sample(self, images_seen, logger):
        flow, workdir = self.state.flow, self.workdir
        names = dataset_record.class_names(workdir, flow.condition.classes) if flow.condition.classes else ()
        sheet = pictures.sample_sheet(flow, self.samples, TEMPERATURE, self.seed, self.examples, names)
        facts = {"run": workdir.name, "step": images_seen, "temperature": TEMPERATURE, "seed": self.seed}
        path = workdir.pictures / f"samples-{images_seen:09}.png"
        logger.attempt("pictures", lambda: pictures.save_sheet(path, sheet, facts))
        return sheet


@contextlib.contextmanager
def _restored_on_errors(variables: list[tf.Variable]):
    """Gives variables their values back after an error, as of a full disk: they tell of what wasn't written."""
    before = [variable.numpy() for variable in variables]
    try:
        yield
    except Exception:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        raise
