"""Tables of a comparison."""

import csv
import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from flowconv.config import images_per_rank
from flowconv.evaluation import Metric, metrics_in
from flowconv.files import write_text
from flowconv.training.results import better_bits_per_dim, better_name

# Table 2 of Truong et al. 2021. Its CIFAR-10 column is the only one whose data set is known for every row: those of
# RealNVP, Glow and Emerging for ImageNet are on downsampled_imagenet, the paper's own doesn't say on which.
PAPER = {"realnvp": 3.49, "conv1x1": 3.35, "emerging": 3.34, "shift": 3.50}
SHARE = 0.25  # of a run's training images, in a trial of a learning rate
WIDTH = 80  # of text in a terminal
RATES = ("train_images_per_second", "encode_images_per_second", "decode_images_per_second")
COLUMNS = (  # then those of the metrics
    "variant",
    "bits_per_dim_mean",
    "bits_per_dim_std",
    "seeds",
    "parameters",
    "images_trained",
    *RATES,
)

ERROR = "bits_per_dim_standard_error"  # a column of its own where a variant's bits/dim are an estimate
SCORES = ("validation_bits_per_dim", "validation_bits_per_dim_ema")  # of the weights and of their average
FACTOR = "learning_rate_factor"  # the same where several were tried


def compared_metrics() -> dict[str, Metric]:
    """Returns the metrics of the test split that have a column, by name."""
    return {name: metric for name, metric in metrics_in("test").items() if metric.heading}


def standard_error(result: Mapping) -> float | None:
    """Returns the standard error of `better_bits_per_dim`, if these are an estimate."""
    return result.get(f"{better_name(result)}_standard_error")


def summarize(variant: str, results: Sequence[Mapping]) -> dict:
    """Returns a variant's row of figures from the results of its runs, one a seed.

    The standard deviation of bits/dim is that between seeds (n − 1), NaN for one seed.
    """
    bits = list(map(better_bits_per_dim, results))
    errors = [error for error in map(standard_error, results) if error is not None]
    return {
        "variant": variant,
        "bits_per_dim_mean": float(np.mean(bits)),
        "bits_per_dim_std": float(np.std(bits, ddof=1)) if len(bits) > 1 else float("nan"),
        "seeds": len(bits),
        "parameters": results[0]["parameters"],
        "images_trained": results[0]["images_trained"],
        **{
            name: metric.worst(result.get(name, float("nan")) for result in results)
            for name, metric in compared_metrics().items()
        },
        **({ERROR: max(errors)} if errors else {}),
    }


def write_table(output: Path, rows: Sequence[Mapping]) -> None:
    """Writes table.csv of rows as `summarize` has them, with speeds; without what no row has of the later columns."""
    later = (*compared_metrics(), ERROR, FACTOR)
    more = [name for name in later if any(not math.isnan(row.get(name, math.nan)) for row in rows)]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, [*COLUMNS, *more], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(output / "table.csv", stream.getvalue())


def write_variants(
    output: Path,
    rows: Sequence[Mapping],
    result: Mapping,
    config: ConfigDict,
    seconds: float | None = None,
    factors: Sequence[float] = (),
    models: Sequence[ConfigDict] = (),
) -> str:
    """Writes table.csv and table.md; returns what a terminal shows of them.

    Args:
      output: folder of both.
      rows: as `summarize` has them, with speeds.
      result: of one of the runs.
      config: that all have in common.
      seconds: that each variant trained for, if it was not the images that were equal.
      factors: on the learning rate of the config, that were tried.
      models: `config.model` of all variants (default: that of the config), whose sizes are told if they are the same.
    """
    write_table(output, rows)
    metrics = compared_metrics()
    dataset = result["dataset"]
    in_paper = config.data.name == "cifar10" and "subset" not in dataset["name"] and config.data.image_size == 32
    header = ["variant", "test bits/dim", *(["paper (Table 2)"] if in_paper else []), "parameters"]
    header += ["training images"] if seconds is not None else []
    header += ["learning rate"] if factors else []
    header += ["training", "encoding", "decoding", *(metric.heading for metric in metrics.values())]
    lines = [
        [
            row["variant"],
            f"{row['bits_per_dim_mean']:.3f}"
            + (f" ± {row['bits_per_dim_std']:.3f}" if row["seeds"] > 1 else "")
            + (f" (an estimate, standard error {row[ERROR]:.2g})" if ERROR in row else ""),
            *([f"{PAPER[row['variant']]:.2f}" if row["variant"] in PAPER else ""] if in_paper else []),
            f"{row['parameters']:,}",
            *([f"{row['images_trained']:,}"] if seconds is not None else []),
            *([f"{row[FACTOR] * config.optimizer.learning_rate:g}"] if factors else []),
            *(_rate(row[name]) for name in RATES),
            *(metric.shown(row[name]) for name, metric in metrics.items()),
        ]
        for row in rows
    ]
    count = rows[0]["seeds"]
    seeds = f"{count} seeds from {config.seed}. Test bits/dim: mean ± standard deviation over seeds."
    if count == 1:
        seeds = f"1 seed, {config.seed}: nothing is known of the noise between seeds."
    budget = f"{result['images_trained']:,} training images"
    if seconds is not None:
        budget = f"training images as many as {seconds:g} seconds of steps have, by rates measured before"
    sizes = {f"K {model.depth}, L {model.levels}, width {model.width}; " for model in models or [config.model]}
    if factors:
        tried = ", ".join(f"{factor:g}" for factor in factors)
        rates = f"{tried} times {config.optimizer.learning_rate:g}"
        seeds += (
            f" Learning rates: of {rates}, which were tried with the first seed and {SHARE:.0%} of the images, "
            f"those with the lowest validation bits/dim."
        )
    text = (
        f"{dataset['name']} {dataset['version']}, {dataset['train']:,} / {dataset['validation']:,} / "
        f"{dataset['test']:,} images; {sizes.pop() if len(sizes) == 1 else ''}"
        f"{budget}, {result['world_size']} × {images_per_rank(config)} a step; "
        f"{seeds} Training, "
        f"encoding, decoding: images/s, medians of alternated rounds. Condition number: the largest of any W. "
        f"Reconstruction error: the largest over all test images and seeds, in pixel levels."
    )
    write_text(output / "table.md", f"{text}\n\n{_markdown(header, lines)}")
    return f"{textwrap.fill(text, WIDTH)}\n\n{_plain(header, lines)}"


def write_pairs(output: Path, results: Mapping[tuple[str, int], Mapping]) -> str:
    """Writes pairs.csv and pairs.md: how each variant differs from the first one, seed by seed.

    All variants of a seed see the same images in the same order. So differences say more than means do.

    Args:
      output: folder of both.
      results: of the runs, by (variant, seed); two variants and two seeds at least.

    Returns:
      What a terminal shows of them.
    """
    first, *others = dict.fromkeys(variant for variant, _ in results)
    seeds = list(dict.fromkeys(seed for _, seed in results))
    header = ["test bits/dim", *(f"seed {seed}" for seed in seeds), "mean", "deviation"]
    rows = []
    bits = {v: np.array([better_bits_per_dim(results[v, seed]) for seed in seeds]) for v in (first, *others)}
    for variant in others:
        found = list(map(float, bits[variant] - bits[first]))
        rows.append([f"{variant} − {first}", *found, float(np.mean(found)), float(np.std(found, ddof=1))])
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([header, *rows])
    write_text(output / "pairs.csv", stream.getvalue())
    lines = [[name, *(f"{value:+.3f}" for value in values), f"{noise:.3f}"] for name, *values, noise in rows]
    write_text(output / "pairs.md", _markdown(header, lines))
    return _plain(header, lines)


def write_layers(output: Path, rows: Sequence[Mapping]) -> str:
    """Writes layers.csv and layers.md; returns what a terminal shows of them."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(output / "layers.csv", stream.getvalue())
    lines = [
        [
            str(row["shape"]),
            row["layer"],
            f"{row['parameters']:,}",
            *("" if row[what] is None else f"{row[what]:.2f}" for what in ("forward_ms", "inverse_ms", "log_det_ms")),
        ]
        for row in rows
    ]
    text = "One layer alone, milliseconds, medians of alternated rounds.\n\n"
    header = ["shape", "layer", "parameters", "forward", "inverse", "log-det"]
    write_text(output / "layers.md", text + _markdown(header, lines))
    return text + _plain(header, lines)


def _rate(images_per_second):
    """A rate as tables show it: slow ones differ in what whole numbers don't show."""
    return f"{images_per_second:,.0f}" if images_per_second >= 10 else f"{images_per_second:.2g}"


def _plain(header, lines):
    """A table for a terminal: aligned, each word of a heading on a line of its own."""
    words = [name.split() for name in header]
    rows = [
        [name[len(name) - n] if n <= len(name) else "" for name in words] for n in range(max(map(len, words)), 0, -1)
    ]
    rows += lines
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in rows]
    return "".join(" ".join(row).rstrip() + "\n" for row in aligned)


def _markdown(header, lines):
    rows = [header, ["---", *["---:"] * (len(header) - 1)], *lines]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)
