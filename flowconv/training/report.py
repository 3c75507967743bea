"""What a finished run has to show."""

import platform

import keras
import matplotlib
import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict

from flowconv import __version__
from flowconv.data import ImageData
from flowconv.evaluation import Evaluator, averaged_weights, pictures
from flowconv.models import Flow
from flowconv.training import distributed
from flowconv.training.metrics import duration, read_metrics, say
from flowconv.training.workdir import Workdir, write_json


def report(
    flow: Flow,
    optimizer: keras.optimizers.Optimizer,
    evaluator: Evaluator,
    images: ImageData,
    config: ConfigDict,
    workdir: Workdir,
    *,
    images_per_second: float,
    images_trained: int,
    seconds: float,
) -> dict:
    """Evaluates on the test split, draws pictures, writes results.json and prints one table.

    Called by all workers; the first one writes and prints.

    Returns:
      What results.json holds: test_bits_per_dim and test_bits_per_dim_ema (raw and averaged weights),
      max_reconstruction_error (pixel levels) and changed_pixels (numbers that differ after rounding; both
      over the whole test split with averaged weights), images_per_second (training, all workers), parameters,
      dataset (name, version, counts), seed, world_size, images_trained, seconds (of training steps), versions.
    """
    test = images.splits["test"]
    raw = evaluator.bits_per_dim(test)
    with averaged_weights(flow, optimizer):
        averaged = evaluator.bits_per_dim(test)
        reconstruction = evaluator.reconstruction(test)
        if distributed.is_root():
            _draw(flow, test, config, workdir)
    results = {
        "test_bits_per_dim": raw,
        "test_bits_per_dim_ema": averaged,
        **reconstruction,
        "images_per_second": images_per_second,
        "parameters": flow.parameters,
        "dataset": images.describe(),
        "seed": config.seed,
        "world_size": distributed.size(),
        "images_trained": images_trained,
        "seconds": seconds,
        "versions": {
            "flowconv": __version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "python": platform.python_version(),
        },
    }
    if distributed.is_root():
        write_json(workdir.results, results)
        _print_table(results, workdir)
    return results


def _draw(flow, test, config, workdir):
    for temperature in config.evaluation.temperatures:
        grid = pictures.sample_grid(flow, config.evaluation.samples, temperature, config.seed)
        pictures.save(workdir.pictures / f"samples-temperature-{temperature:g}.png", grid)
    pictures.save(workdir.pictures / "reconstructions.png", pictures.reconstruction_grid(flow, test[:16]))
    _draw_curve(workdir)


def _draw_curve(workdir):
    """bits/dim over the training images, from metrics.csv."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = read_metrics(workdir.metrics)
    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    labels = {
        "bits_per_dim": "training",
        "validation_bits_per_dim": "validation",
        "validation_bits_per_dim_ema": "validation, averaged weights",
    }
    values = []
    for column, label in labels.items():
        points = [(row["images"], row[column]) for row in rows if row[column] is not None]
        if points:
            axes.plot(*zip(*points, strict=True), label=label, marker="" if column == "bits_per_dim" else "o")
            values += [value for _, value in points]
    if values:
        lowest, high = min(values), float(np.quantile(values, 0.95))
        axes.set_ylim(lowest - 0.1, high + 0.5)  # the first steps would flatten all that matters
    axes.set_xlabel("training images")
    axes.set_ylabel("bits/dim")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(workdir.pictures / "curve.png", dpi=110, bbox_inches="tight")
    pyplot.close(figure)


def _print_table(results, workdir):
    dataset = results["dataset"]
    rows = [
        ("test bits/dim", f"{results['test_bits_per_dim']:.4f}"),
        ("  with averaged weights", f"{results['test_bits_per_dim_ema']:.4f}"),
        ("max reconstruction error", f"{results['max_reconstruction_error']:.2g} of a pixel level"),
        ("numbers changed by it", f"{results['changed_pixels']:,}"),
        ("training", f"{results['images_per_second']:,.0f} images/s, {duration(results['seconds'])}"),
        ("parameters", f"{results['parameters']:,}"),
        ("data", f"{dataset['name']} {dataset['version']}, {dataset['test']:,} test images"),
        ("workers", f"{results['world_size']}"),
        ("results", str(workdir.results)),
        ("pictures", f"{workdir.pictures}/"),
        ("checkpoints", f"{workdir.checkpoints}/, best on validation: {workdir.best_checkpoint}/"),
        ("curves", f"{workdir.metrics}, tensorboard --logdir={workdir.tensorboard}"),
    ]
    width = max(len(name) for name, _ in rows)
    say("\n" + "\n".join(f"{name:<{width}}  {value}" for name, value in rows))
