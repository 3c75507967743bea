"""Pictures and the table of a finished run."""

from collections.abc import Iterator, Mapping
from typing import Any

import matplotlib
import numpy as np
from ml_collections import ConfigDict

from flowconv.data import first_of
from flowconv.data.batches import Examples
from flowconv.errors import UserError
from flowconv.evaluation import metrics_in, pictures
from flowconv.files import said_of
from flowconv.models import Flow
from flowconv.training.writers import read_metrics
from flowconv.utils.console import say
from flowconv.words import counted, duration
from flowconv.workdir import Workdir, dataset_record


def save_pictures(
    flow: Flow, test: Examples, settings: ConfigDict, seed: int, step: int, workdir: Workdir
) -> Iterator[None]:
    """Writes pictures, one each time: samples at each temperature, reconstructions of test images, the curve.

    Says so, in one line, where one can't be written, and leaves the rest out.

    Args:
      flow: with its best weights.
      test: examples of the test split.
      settings: `config.evaluation`.
      seed: of the samples.
      step: training images after which it has these weights.
      workdir: of the run.
    """
    try:
        yield from _save_all(flow, test, settings, seed, step, workdir)
    except (UserError, OSError) as error:
        say(f"warning: not all pictures could be drawn: {said_of(error)}")


def _save_all(flow, test, settings, seed, step, workdir):
    wanted = {f"samples-temperature-{temperature:g}.png" for temperature in settings.temperatures}
    for path in workdir.pictures.glob("samples-temperature-*.png"):
        if path.name not in wanted:  # of an earlier evaluation
            path.unlink()
    facts = {"run": workdir.name, "step": step}
    names = dataset_record.class_names(workdir, flow.condition.classes) if flow.condition.classes else ()
    for temperature in settings.temperatures:
        sheet = pictures.sample_sheet(flow, settings.samples, temperature, seed, test, names)
        path = workdir.pictures / f"samples-temperature-{temperature:g}.png"
        pictures.save_sheet(path, sheet, facts | {"temperature": f"{temperature:g}", "seed": seed})
        yield
    reconstructed = pictures.reconstruct(flow, first_of(test, 16))
    pictures.save_sheet(workdir.pictures / "reconstructions.png", pictures.reconstruction_sheet(*reconstructed), facts)
    yield
    if workdir.metrics.exists():
        _draw_curve(workdir, facts)


def _draw_curve(workdir, facts):
    """bits/dim over the training images, from metrics.csv."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = read_metrics(workdir.metrics)
    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    values = []
    for phase, words in (("train", "training"), ("validation", "validation")):
        for column, metric in metrics_in(phase).items():
            known = [(row["images"], row[column]) for row in rows if row[column] is not None]
            points = [(images, value) for images, value in known if np.isfinite(value)]
            if points and metric.unit == "bits/dim" and metric.better:
                label = words + (", averaged weights" if metric.weights == "ema" else "")
                label += ", bits/dim of noisy images" if column == "bits_per_dim_of_noisy_images" else ""
                axes.plot(*zip(*points, strict=True), label=label, marker="" if phase == "train" else "o")
                values += [value for _, value in points]
    if values:
        lowest, high = min(values), float(np.quantile(values, 0.95))
        axes.set_ylim(lowest - 0.1, high + 0.5)  # the first steps would flatten all that matters
    axes.set_xlabel("training images")
    axes.set_ylabel("bits/dim")
    axes.grid(alpha=0.3)
    if values:
        axes.legend()
    pictures.save_figure(workdir.pictures / "curve.png", figure, dpi=110, facts=facts)
    pyplot.close(figure)


def metric_rows(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns title and figure of each metric of the test split that the results have, and of draws of noise.

    Of bits/dim that are estimates the title says so.
    """
    metrics = [(name, metric) for name, metric in metrics_in("test").items() if name in results]
    rows = [(metric.title + _estimate(metric, results), metric.shown(results[name])) for name, metric in metrics]
    if "importance_samples" in results:
        rows.append(("importance samples an image", f"{results['importance_samples']}"))
    if "compared_samples" in results:
        rows.append(("samples compared with images", f"{results['compared_samples']:,}"))
    if "estimate_draws" in results:
        rows.append(("draws an image", f"{results['estimate_draws']}"))
    return rows


def _estimate(metric, results):
    """What follows the title of a density that is an estimate."""
    return ", an estimate" if "estimate_draws" in results and metric.unit == "bits/dim" and metric.better else ""


def print_table(results: dict, workdir: Workdir) -> None:
    """Prints what a run reached and where everything lies."""
    dataset = results["dataset"]
    rows = metric_rows(results) + [
        ("bits/dim are", results.get("bits_per_dim_is", "")),
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
