"""Tables and curves of a comparison."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from flowconv.configuration import images_per_rank
from flowconv.evaluation import pictures
from flowconv.files import write_text

# Table 2 of Truong et al. 2021. Its CIFAR-10 column is the only one whose data set is known for every row: those of
# RealNVP, Glow and Emerging for ImageNet are on downsampled_imagenet, the paper's own doesn't say on which.
PAPER = {"realnvp": 3.49, "conv1x1": 3.35, "emerging": 3.34, "shift": 3.50}
COLUMNS = (
    "variant",
    "bits_per_dim_mean",
    "bits_per_dim_std",
    "seeds",
    "parameters",
    "train_images_per_second",
    "encode_images_per_second",
    "decode_images_per_second",
    "max_condition_number",
    "max_reconstruction_error",
)


def summarize(variant: str, results: Sequence[Mapping]) -> dict:
    """Returns a variant's row of figures from the results of its runs, one a seed.

    bits/dim is on the test split, of the weights (raw or averaged) that were better on the validation split;
    its standard deviation is that between seeds (n − 1), NaN for one seed.
    """
    bits = [
        result["test_bits_per_dim_ema" if result["better_weights"] == "averaged" else "test_bits_per_dim"]
        for result in results
    ]
    return {
        "variant": variant,
        "bits_per_dim_mean": float(np.mean(bits)),
        "bits_per_dim_std": float(np.std(bits, ddof=1)) if len(bits) > 1 else float("nan"),
        "seeds": len(bits),
        "parameters": results[0]["parameters"],
        "max_condition_number": max(result["max_condition_number"] for result in results),
        "max_reconstruction_error": max(result["max_reconstruction_error"] for result in results),
    }


def write_variants(output: Path, rows: Sequence[Mapping], result: Mapping, config: ConfigDict) -> str:
    """Writes table.csv and table.md; returns the text of table.md."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(output / "table.csv", stream.getvalue())

    dataset = result["dataset"]
    in_paper = config.data.name == "cifar10" and "subset" not in dataset["name"] and config.data.image_size == 32
    header = ["variant", "test bits/dim", *(["paper (Table 2)"] if in_paper else []), "parameters"]
    header += ["training", "encoding", "decoding", "condition number", "reconstruction error"]
    lines = [
        [
            row["variant"],
            f"{row['bits_per_dim_mean']:.3f} ± {row['bits_per_dim_std']:.3f}",
            *([f"{PAPER[row['variant']]:.2f}" if row["variant"] in PAPER else ""] if in_paper else []),
            f"{row['parameters']:,}",
            *(f"{row[f'{what}_images_per_second']:,.0f}" for what in ("train", "encode", "decode")),
            f"{row['max_condition_number']:.3g}",
            f"{row['max_reconstruction_error']:.2g}",
        ]
        for row in rows
    ]
    text = (
        f"{dataset['name']} {dataset['version']}, {dataset['train']:,} / {dataset['validation']:,} / "
        f"{dataset['test']:,} images; K {config.model.depth}, L {config.model.levels}, width {config.model.width}; "
        f"{result['images_trained']:,} training images, {result['world_size']} × {images_per_rank(config)} a step; "
        f"{rows[0]['seeds']} seeds from {config.seed}. Test bits/dim: mean ± standard deviation over seeds. Training, "
        f"encoding, decoding: images/s, medians of alternated rounds. Condition number: the largest of any W. "
        f"Reconstruction error: the largest over all test images and seeds, in pixel levels.\n\n"
        + _markdown(header, lines)
    )
    write_text(output / "table.md", text)
    return text


def write_layers(output: Path, rows: Sequence[Mapping]) -> str:
    """Writes layers.csv and layers.md; returns the text of layers.md."""
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
    text += _markdown(["shape", "layer", "parameters", "forward", "inverse", "log-det"], lines)
    write_text(output / "layers.md", text)
    return text


def draw_curves(path: Path, curves: Mapping[str, Sequence[Sequence[Mapping]]]) -> None:
    """Draws validation bits/dim over training images: a line for the mean over seeds, a band for their range.

    Of raw and averaged weights the better ones count, as in the table.

    Args:
      path: of the PNG file.
      curves: for each variant the rows of metrics.csv of each seed.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5))
    for variant, runs in curves.items():
        points = [
            {
                row["images"]: min(row["validation_bits_per_dim"], row["validation_bits_per_dim_ema"])
                for row in rows
                if row["validation_bits_per_dim"] is not None
            }
            for rows in runs
        ]
        images = sorted(set.intersection(*map(set, points)))
        values = np.array([[run[number] for number in images] for run in points])
        (line,) = axes.plot(images, values.mean(axis=0), marker="o", markersize=3, label=variant)
        axes.fill_between(images, values.min(axis=0), values.max(axis=0), color=line.get_color(), alpha=0.2)
    axes.set_xlabel("training images")
    axes.set_ylabel("validation bits/dim")
    axes.grid(alpha=0.3)
    axes.legend()
    pictures.save_figure(path, figure, dpi=120)
    pyplot.close(figure)


def _markdown(header, lines):
    rows = [header, ["---", *["---:"] * (len(header) - 1)], *lines]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)
