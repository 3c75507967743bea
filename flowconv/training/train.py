"""Training from a config and a workdir to results."""

import contextlib
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf
from ml_collections import ConfigDict

from flowconv import data, distributed, preflight
from flowconv.config import flatten, refusal_to_invert, validate
from flowconv.distributed import elastic
from flowconv.errors import UserError, WorkersLost, warn
from flowconv.files import room_needed
from flowconv.signals import stop_signals
from flowconv.training.run import Run
from flowconv.workdir import Workdir, dataset_record

LOST = "another worker of this job has ended (what it said stands above)"


def train(config: ConfigDict, workdir: str | os.PathLike, profiled_steps: int = 0, test: bool = True) -> dict[str, Any]:
    """Trains a flow, going on where a run in `workdir` stopped, and evaluates it on the test split.

    Called by every worker of a Horovod job, or alone.

    Args:
      config: valid, as `flowconv.config.validate` has it: programs see to that before TensorFlow is imported.
      workdir: the run's folder; only the first worker writes to it.
      profiled_steps: that the first worker traces into the workdir's TensorBoard folder, after the first few.
      test: whether the trained run is evaluated on the test split. Without, it has no results.json yet.

    Returns:
      On every worker, what results.json holds. Of the checkpoint that was best on the validation split: every metric of
      `flowconv.evaluation.metrics` on the test split, better_weights (raw or averaged, on validation), and
      best_at_images. Of the run: images_per_second (training, all workers), images_trained, seconds (of training
      steps), parameters, precision, dataset (name, version, counts), seed, world_size, versions. Without the test split
      images_per_second, images_trained and seconds alone.

    Raises:
      UserError: for anything that the user can put right, on every worker; Diverged if training diverges.
      Interrupted: after a signal of `flowconv.signals`, on every worker; the checkpoint is written. Off the main
        thread signals go to whom they went before.
      WorkersLost: if another worker has ended; in an elastic job the process joins again instead.
    """
    data.list_anew()
    with stop_signals, contextlib.ExitStack() as held:
        run = None
        try:
            distributed.initialize(config.distributed.fusion_megabytes, config.train.batch_size)
            workdir = Workdir(workdir)
            config = distributed.run_on_all_ranks(lambda: data.with_classes(config))
            preflight.require_checks(config, workdir)
            distributed.run_on_all_ranks(lambda: held.enter_context(workdir.alone()) if distributed.is_root() else None)
            images = load_data(config.data)
            data.check_classes(config, images)
            preflight.check_consistency(config, images)
            run = Run(config, workdir, images)
            held.callback(run.watchdog.stop)
            with room_needed():  # TensorFlow's error is the same as that of exhausted memory
                return run.train(profiled_steps, test)
        except elastic.WorkersChanged:
            elastic.rejoin()
        except tf.errors.ResourceExhaustedError as error:
            raise UserError(
                f"--config.train.batch_size={config.train.batch_size}: memory is exhausted "
                f"({_asked_for(error)}): take a smaller batch, or more distributed.backward_passes_per_step"
                f"{'' if refusal_to_invert(dict(flatten(config))) else ', or model.backward=invert'}"
            ) from error
        except Exception as error:
            if not distributed.is_failed_exchange(error):
                raise
            if run is not None and run.stopper.checkpoint is not None:
                run.stopper.checkpoint()  # a step is taken whole or not at all
            if elastic.is_elastic():
                if stop_signals.received:
                    raise stop_signals.interruption(stop_signals.received) from error
                elastic.rejoin()
            raise WorkersLost(f"{LOST}: the same command goes on from the last checkpoint") from error


def evaluate(
    workdir: str | os.PathLike | Workdir,
    overrides: Mapping[str, Any] | None = None,
    samples: int = 1,
    output: str | os.PathLike | None = None,
    compared: int = 0,
) -> dict:
    """Evaluates a run's best weights on the test split again, and draws its pictures.

    Args:
      workdir: of a run that has been evaluated at least once, or the run's folder.
      overrides: config fields that shall differ from the run's, as {"data.dir": "/data"}.
      samples: draws of dequantization noise an image for an importance-weighted bound; 1: no such bound.
      output: folder of evaluation.json and pictures/ (default: the workdir).
      compared: samples that are compared with as many test images; 0: none are.

    Returns:
      On every worker, what evaluation.json holds: as `train`, without the figures of training; with
      more samples also importance_samples and test_bits_per_dim[_ema]_importance_weighted, with compared samples
      compared_samples, kernel_distance, sample_precision and sample_recall.

    Raises:
      UserError: if there is no run, or no checkpoint in it; on every worker.
      Interrupted: after a signal of `flowconv.signals`.
      WorkersLost: if another worker has ended.
    """
    data.list_anew()
    with stop_signals, contextlib.ExitStack() as held:
        try:
            distributed.initialize()
            workdir = workdir if isinstance(workdir, Workdir) else Workdir(workdir)
            config = distributed.run_on_root(workdir.load_config)
            folder = distributed.run_on_root(lambda: workdir.results_folder(output, workdir.path))
            workdir.evaluation, workdir.pictures = folder / workdir.evaluation.name, folder / workdir.pictures.name
            distributed.run_on_root(workdir.clear)
            if overrides:
                config.update_from_flattened_dict(overrides)
                validate(config)
            images = load_data(config.data, data.load_for_use)
            data.check_classes(config, images)
            if distributed.is_root() and (changed := dataset_record.changes(workdir, images)):
                warn(changed)
            run = Run(config, workdir, images)
            held.callback(run.watchdog.stop)
            return run.evaluate(samples, compared)
        except Exception as error:
            if not distributed.is_failed_exchange(error):
                raise
            raise WorkersLost(f"{LOST}: {stop_signals.advice}") from error


def _asked_for(error):
    """The line that tells how much memory was asked for, which is not always the first."""
    found = re.search(r"OOM when allocating.*|[Ff]ailed to allocate.*", error.message)
    return found[0] if found else error.message.splitlines()[0]


def load_data(settings: ConfigDict, load: Callable[..., data.ImageData] = data.load) -> data.ImageData:
    """Returns the data; one worker of each host prepares them while the others wait.

    Args:
      settings: `config.data`.
      load: `data.load`, or for a run that may be a stranger's `data.load_for_use`.

    Raises:
      UserError: on every worker.
    """
    distributed.run_on_all_ranks(lambda: load(settings) if distributed.local_rank() == 0 else None)
    return distributed.run_on_all_ranks(lambda: load(settings, prepare=False))
