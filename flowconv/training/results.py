"""Figures on the test split."""

from ml_collections import ConfigDict

from flowconv import distributed
from flowconv.data import ImageData
from flowconv.errors import UserError
from flowconv.evaluation import Evaluator, max_condition_number
from flowconv.files import read_json
from flowconv.training.state import RunState
from flowconv.utils.versions import versions
from flowconv.workdir import Workdir

OF_TRAINING = ("images_trained", "images_per_second", "seconds", "seed", "world_size")


def test_results(state: RunState, evaluator: Evaluator, images: ImageData, config: ConfigDict) -> dict:
    """Returns figures on the test split, of a state that has its best weights, and what they depend on.

    As `flowconv.training.train.train` names them, without those of the run; the same on every worker.
    """
    pixels = images.splits["test"]
    (raw, raw_deviation), (averaged, averaged_deviation) = _bits_per_dim(state, evaluator, pixels)
    with state.better_weights():
        reconstruction = evaluator.reconstruction(pixels, "test, reconstruction")
        condition_number = max_condition_number(state.flow)
    return {
        "test_bits_per_dim": raw,
        "test_bits_per_dim_ema": averaged,
        "test_bits_per_dim_deviation": averaged_deviation if state.average_is_best else raw_deviation,
        **reconstruction,
        "max_condition_number": condition_number,
        "better_weights": "averaged" if state.average_is_best else "raw",
        "best_at_images": int(state.images_seen),
        "parameters": state.flow.parameters,
        "precision": config.model.precision,
        "dataset": images.describe(),
        "seed": config.seed,
        "world_size": distributed.size(),
        "versions": versions(),
    }


def training_results(workdir: Workdir) -> dict:
    """Returns what results.json says of the training, which a run that is finished does not do again."""
    try:
        earlier = read_json(workdir.results)
    except UserError:  # it was stopped before it wrote any
        return {}
    return {name: earlier[name] for name in OF_TRAINING if name in earlier} if isinstance(earlier, dict) else {}


def importance_weighted_results(state: RunState, evaluator: Evaluator, images: ImageData, samples: int) -> dict:
    """Returns tighter bounds, from so many draws of noise for each image of the test split."""
    (raw, _), (averaged, _) = _bits_per_dim(state, evaluator, images.splits["test"], samples)
    return {
        "importance_samples": samples,
        "test_bits_per_dim_importance_weighted": raw,
        "test_bits_per_dim_ema_importance_weighted": averaged,
    }


def _bits_per_dim(state, evaluator, pixels, samples=1):
    """Mean and deviation of raw and of averaged weights."""
    name = "test" if samples == 1 else f"test, {samples} draws of noise"
    raw = evaluator.statistics(pixels, samples, name)
    with state.ema_weights():
        return raw, evaluator.statistics(pixels, samples, f"{name}, averaged weights")
