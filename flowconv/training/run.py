"""One run: restored or initialized, trained, evaluated, and reported."""

import contextlib
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from flowconv import data, distributed, preflight
from flowconv.config import images_per_rank
from flowconv.errors import UserError
from flowconv.evaluation import Evaluator
from flowconv.files import lacks_room, write_json
from flowconv.signals import stop_signals
from flowconv.training.checkpoints import Restored
from flowconv.training.control_flags import NUM_FLAGS
from flowconv.training.loop import TrainingLoop
from flowconv.training.profiler import Profiler
from flowconv.training.results import describe, evaluate_test_split, training_results
from flowconv.training.run_logger import RunLogger
from flowconv.training.state import RunState
from flowconv.training.step import uses_xla
from flowconv.training.stopping import Stopper
from flowconv.training.stream import TrainingStream
from flowconv.training.summary import print_table, save_pictures
from flowconv.training.validation import Validation
from flowconv.utils.progress_bar import progress, working
from flowconv.workdir import Workdir, dataset_record


class Run:
    """One run: its state, data and files, and what is done with them.

    Args:
      config: validated.
      workdir: checked.
      images: the three splits.
    """

    def __init__(self, config: ConfigDict, workdir: Workdir, images: data.ImageData):
        self.config = config
        self.workdir = workdir
        self.images = images
        self.watchdog = distributed.Watchdog(config.train.watchdog_seconds)
        self.watchdog.feed(patient=True)
        with working("building the model", distributed.is_root()):
            self.state = RunState(config, workdir)
        self.stopper = Stopper(self.state.images_seen, self.watchdog)
        self.stream = TrainingStream(images.examples("train"), images_per_rank(config), config.seed)
        self.evaluator = Evaluator(
            self.state.flow,
            batch_size=config.evaluation.batch_size,
            seed=config.evaluation.seed,
            rank=distributed.rank(),
            world_size=distributed.size(),
            total=distributed.total,
            maximum=distributed.maximum,
            jit_compile=uses_xla(config.train.jit_compile),
            between=self.stopper.before_piece,
        )

    def train(self, profiled_steps: int = 0, test: bool = True) -> dict[str, Any]:
        """Starts or goes on, trains to the budget, and reports; returns the results.

        Args:
          profiled_steps: that the first worker traces for TensorBoard, after the first few.
          test: whether the test split is evaluated; without, the results are figures of the training alone.
        """
        with working("setting the weights", distributed.is_root()):
            restored = self._restore_or_initialize()
        with stop_signals.deferred():
            finished_before = int(self.state.images_seen) >= self.config.train.images
            changed = self._changed_images() if restored else ""
            logger = RunLogger(self.state, self.config, self.workdir, self.images, restored)
            if changed:
                said = f"{changed}; the next evaluation's weights become the best ones, whatever the score of these was"
                logger.progress.say(f"warning: {said}")
            finished = False
            try:
                figures = self._train(logger, restored, changed, profiled_steps)
                logger.progress.close()
                if test:
                    figures |= self._test(logger, figures, finished_before)
                finished = True
            finally:
                logger.progress.close()
                logger.close(finished)
            return figures

    def _test(self, logger, figures, finished_before) -> dict[str, Any]:
        """Evaluates the test split, and reports; returns the results, with the figures of the training."""
        with self.stopper.between_pieces():
            results = self._evaluate() | figures
            if finished_before:
                trained = figures["images_trained"]
                results |= distributed.run_on_root(lambda: training_results(self.workdir, trained))
            logger.test(results)
            self._report(results, self.workdir.results)
        return results

    def evaluate(self, samples: int = 1, compared: int = 0) -> dict[str, Any]:
        """Evaluates the best weights of a run; returns the results; arguments as of `evaluate_test_split`."""
        with stop_signals.deferred(), self.stopper.between_pieces():
            results = self._evaluate(samples, compared)
            self._report(results, self.workdir.evaluation)
        return results

    def _restore_or_initialize(self) -> Restored | None:
        """Gives all workers the variables of the newest checkpoint, or first ones, while the step is being traced."""
        state = self.state
        with state.step.trace_in_background(self.stream.batch_spec, NUM_FLAGS):
            restored = distributed.run_on_root(state.checkpoints.restore)
            if not restored:
                self._initialize()
            preflight.check_same_variables(state.variables)
            distributed.broadcast(state.variables)
            preflight.check_same_values(state.variables)
        return restored

    def _initialize(self):
        """Draws the weights, and sets what depends on data from the first images of the stream, over all workers."""
        batch, weight = self.stream.first_images(self.config.train.initialization_images)
        self.state.step.initialize(batch, average=lambda mean: distributed.average(weight * mean))

    def _changed_images(self) -> str:
        """Returns the line about images that are not those on which the best weights were chosen; "" if they are."""
        changed = distributed.run_on_root(lambda: dataset_record.changes(self.workdir, self.images))
        if changed:
            self.state.best_bits_per_dim.assign(np.inf)  # that of other images is no measure for these
        return changed

    def _train(self, logger, restored, changed, profiled_steps) -> dict[str, Any]:
        """Goes through the loop; returns its figures."""
        state, config = self.state, self.config
        validation = Validation(
            config.train,
            state,
            self.evaluator,
            self.images.examples("validation"),
            samples=config.evaluation.samples,
            seed=config.seed,
            workdir=self.workdir,
        )
        loop = TrainingLoop(
            config.train,
            config.optimizer.learning_rate,
            state,
            self.stream,
            validation,
            logger,
            self.stopper,
            self.watchdog,
            self.workdir,
            Profiler(profiled_steps if distributed.is_root() else 0, self.workdir.tensorboard, logger.progress.say),
        )
        state.images_a_step.assign(self.stream.global_batch_size)
        self.stopper.checkpoint = loop.checkpoint
        if restored:
            self.stopper.note_checkpoint()
        if changed or not restored:
            loop.checkpoint()
        try:
            images_per_second = loop.run()
        except Exception as error:
            if lacks_room(error):
                with contextlib.suppress(UserError):  # if there is no room for this either
                    loop.checkpoint()
            raise
        self.stopper.checkpoint = None  # from here on the weights are the best ones, not the last
        return {
            "images_per_second": images_per_second or float(state.images_seen) / float(state.seconds),
            "images_trained": int(state.images_seen),
            "seconds": float(state.seconds),
        }

    def _evaluate(self, samples: int = 1, compared: int = 0) -> dict[str, Any]:
        """Restores the best weights; returns the figures of the test split, and what they depend on."""
        self.state.restore_best()
        examples, classify = self.images.examples("test"), self.config.evaluation.classify
        figures = evaluate_test_split(self.state, self.evaluator, examples, samples, classify, compared)
        return figures | describe(self.state, self.config.model.precision, self.images.describe(), self.config.seed)

    def _report(self, results, path):
        """Saves the pictures, writes the results, and prints them."""
        distributed.run_on_root(self.workdir.check_unmoved)
        distributed.run_pieces_on_root(self._pictures(), self.stopper.before_piece)
        distributed.run_on_root(lambda: (write_json(path, results), print_table(results, self.workdir)))

    def _pictures(self):
        test, settings = self.images.examples("test"), self.config.evaluation
        with self.state.better_weights():
            step = int(self.state.images_seen)
            pieces = save_pictures(self.state.flow, test, settings, self.config.seed, step, self.workdir)
            yield from progress(pieces, len(settings.temperatures) + 1, "drawing", "pictures")
