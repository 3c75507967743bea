"""Results of a run: figures of the test split, and what they depend on."""

import contextlib
from collections.abc import Mapping
from typing import Any

from flowconv import distributed
from flowconv.data.batches import Examples
from flowconv.errors import UserError
from flowconv.evaluation import Evaluator, Measurement, compute_metrics
from flowconv.files import read_json
from flowconv.training.state import RunState
from flowconv.utils.versions import versions
from flowconv.workdir import Workdir

OF_TRAINING = ("images_trained", "images_per_second", "seconds", "seed", "world_size")


def evaluate_test_split(
    state: RunState,
    evaluator: Evaluator,
    examples: Examples,
    samples: int = 1,
    classify: bool = False,
    compared: int = 0,
) -> dict[str, Any]:
    """Returns the metrics of the test split, of a state that has its best weights; the same on every worker.

    Args:
      state: of the run.
      evaluator: of its flow.
      examples: of the split.
      samples: importance samples an image, or draws of an estimate.
      classify: whether classes are told from each other, if the flow has any.
      compared: samples that are compared with as many images; 0: none are.
    """
    raw = Measurement(evaluator, examples, "test", samples, classify, compared)
    averaged = Measurement(evaluator, examples, "test, averaged weights", samples, classify, compared)
    figures = compute_metrics("test", raw, "raw")
    with state.ema_weights():
        figures |= compute_metrics("test", averaged, "ema")
    with state.better_weights():
        figures |= compute_metrics("test", averaged if state.average_is_best else raw, "better")
    if raw.draws:
        figures["estimate_draws"] = raw.draws
    elif samples > 1:
        figures["importance_samples"] = samples
    if compared:
        figures["compared_samples"] = min(compared, len(examples["image"]))
    return figures


def describe(state: RunState, precision: str, dataset: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Returns what the metrics of the test split depend on.

    Args:
      state: of the run, with its best weights.
      precision: `config.model.precision`.
      dataset: `ImageData.describe()`.
      seed: the run's.
    """
    noise = f"{state.flow.dequantization.noise} noise"
    bound = f"an upper bound: one draw of {noise} an image"
    estimate = f"an estimate of an upper bound: the mean over draws of {noise} and of log-determinants"
    return {
        "bits_per_dim_is": estimate if state.flow.estimates_log_det else bound,
        "better_weights": "averaged" if state.average_is_best else "raw",
        "best_at_images": int(state.images_seen),
        "parameters": state.flow.parameters,
        "precision": precision,
        "dataset": dataset,
        "seed": seed,
        "world_size": distributed.size(),
        "versions": versions(),
    }


def better_name(results: Mapping[str, Any]) -> str:
    """Returns by which name results have bits/dim of the weights that were better on the validation split."""
    return "test_bits_per_dim_ema" if results["better_weights"] == "averaged" else "test_bits_per_dim"


def better_bits_per_dim(results: Mapping[str, Any]) -> float | None:
    """Returns the bits/dim of the test split with the weights that were better on the validation split, if known."""
    value = results.get(better_name({"better_weights": "raw", **results}))  # which a damaged file may lack
    return float(value) if isinstance(value, int | float) else None


def training_results(workdir: Workdir, images_trained: int) -> dict[str, Any]:
    """Returns the numbers that results.json has of the training, which a run that is finished does not do again.

    Args:
      workdir: of the run.
      images_trained: by now; of a training that had seen others nothing is returned.
    """
    try:
        earlier = read_json(workdir.results)
    except UserError:  # it was stopped before it wrote any
        return {}
    there = earlier if isinstance(earlier, dict) else {}
    if there.get("images_trained", images_trained) != images_trained:
        return {}
    return {name: there[name] for name in OF_TRAINING if isinstance(there.get(name), int | float)}


def results_of(workdir: Workdir, images_seen: int) -> list[dict[str, Any]]:
    """Returns the figures of the weights that a run had after so many images: all that can be read.

    Those of the end of its training come first, then those of a later evaluation. Either may be of other weights: a run
    that was finished can go on, and has better ones by then.

    Args:
      workdir: of the run.
      images_seen: training images after which it had the weights.
    """
    found = []
    for path in (workdir.results, workdir.evaluation):
        with contextlib.suppress(UserError):  # none, or damaged
            found.append(read_json(path))
    return [each for each in found if isinstance(each, dict) and each.get("best_at_images") == images_seen]
