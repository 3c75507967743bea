"""Pictures and the table of a finished run."""

from collections.abc import Iterator

import matplotlib
import numpy as np
from ml_collections import ConfigDict

from flowconv.errors import UserError
from flowconv.evaluation import pictures
from flowconv.files import said_of
from flowconv.models import Flow
from flowconv.training.writers import read_metrics
from flowconv.utils.console import say
from flowconv.words import counted, duration
from flowconv.workdir import Workdir


def save_pictures(flow: Flow, test: np.ndarray, config: ConfigDict, workdir: Workdir) -> Iterator[None]:
    """Writes pictures, one each time: samples at each temperature, reconstructions of test images, the curve.

    Says so, in one line, where one can't be written, and leaves the rest out.
    """
    try:
        yield from _save_all(flow, test, config, workdir)
    except (UserError, OSError) as error:
        say(f"warning: not all pictures could be drawn: {said_of(error)}")


def _save_all(flow, test, config, workdir):
    wanted = {f"samples-temperature-{temperature:g}.png" for temperature in config.evaluation.temperatures}
    for path in workdir.pictures.glob("samples-temperature-*.png"):
        if path.name not in wanted:  # of an earlier evaluation
            path.unlink()
    for temperature in config.evaluation.temperatures:
        grid = pictures.sample_grid(flow, config.evaluation.samples, temperature, config.seed)
        pictures.save(workdir.pictures / f"samples-temperature-{temperature:g}.png", grid)
        yield
    pictures.save(workdir.pictures / "reconstructions.png", pictures.reconstruction_grid(flow, test[:16]))
    yield
    if workdir.metrics.exists():
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
        points = [(row["images"], row[column]) for row in rows if row[column] is not None and np.isfinite(row[column])]
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
    pictures.save_figure(workdir.pictures / "curve.png", figure, dpi=110)
    pyplot.close(figure)


def print_table(results: dict, workdir: Workdir) -> None:
    """Prints what a run reached and where everything lies."""
    dataset = results["dataset"]
    rows = [
        ("test bits/dim", f"{results['test_bits_per_dim']:.4f}"),
        ("  with averaged weights", f"{results['test_bits_per_dim_ema']:.4f}"),
    ]
    if "importance_samples" in results:
        raw, averaged = (results[f"test_bits_per_dim{kind}_importance_weighted"] for kind in ("", "_ema"))
        text = f"{raw:.4f}, {averaged:.4f} with averaged weights"
        rows.append((f"  {results['importance_samples']} draws of noise an image", text))
    rows += [
        ("max reconstruction error", f"{results['max_reconstruction_error']:.2g} of a pixel level"),
        ("numbers changed by it", f"{results['changed_pixels']:,}"),
        ("data", f"{dataset['name']} {dataset['version']}, {counted(dataset['test'], 'test image')}"),
        ("parameters", f"{results['parameters']:,}, {results['precision']}"),
    ]
    if results.get("images_per_second"):
        rows.append(("training", f"{results['images_per_second']:,.0f} images/s, {duration(results['seconds'])}"))
    rows += [
        ("workers", f"{results['world_size']}"),
        ("pictures", f"{workdir.pictures}/"),
        ("checkpoints", ", ".join(_there({"": workdir.checkpoints, "best on validation: ": workdir.best_checkpoint}))),
        ("curves", ", ".join(_there({"": workdir.metrics, "tensorboard --logdir=": workdir.tensorboard}))),
    ]
    rows = [(name, value) for name, value in rows if value]
    width = max(len(name) for name, _ in rows)
    say("\n" + "\n".join(f"{name:<{width}}  {value}" for name, value in rows))


def _there(paths):
    """Those that exist, each with the words before it: a folded run has neither curves nor newest checkpoints."""
    return [f"{words}{path}{'/' * path.is_dir()}" for words, path in paths.items() if path.exists()]
