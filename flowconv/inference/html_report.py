"""A run as one HTML file, which needs nothing else: no script, no other file."""

import base64
import datetime
import html
import io
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from flowconv.config import flatten
from flowconv.config.parts import DEQUANTIZATIONS, MODELS
from flowconv.errors import UserError
from flowconv.evaluation.health import MEANINGS
from flowconv.files import read_json, write_text
from flowconv.inference.earlier_runs import runs_beside
from flowconv.inference.report_style import STYLE
from flowconv.inference.svg_chart import Line, chart
from flowconv.training.results import better_bits_per_dim
from flowconv.training.summary import metric_rows
from flowconv.training.writers import read_metrics
from flowconv.words import counted, duration, printable
from flowconv.workdir import Workdir, sessions

PNG = b"\x89PNG\r\n\x1a\n"  # with which such a file begins
AT_THE_END = "samples-temperature-"
ROWS = (
    ("seed", "seed"),
    ("precision", "precision"),
    ("world_size", "ranks"),
)
BITS = {
    "training": "bits_per_dim",
    "training, bits/dim of noisy images": "bits_per_dim_of_noisy_images",
    "validation": "validation_bits_per_dim",
    "validation, averaged weights": "validation_bits_per_dim_ema",
}


def write_report(workdir: Workdir, path: Path) -> Path:
    """Writes the report of a run that was evaluated; returns the file.

    Raises:
      UserError: if the run has no results, they can't be read, or the file can't be written.
    """
    config, results = workdir.load_config(), _results(workdir)
    try:
        body = "\n".join(part for part in _parts(workdir, config, results) if part)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise UserError(f"--workdir={workdir.path}: its results can't be read: {error!r}") from error
    title = html.escape(printable(workdir.name))
    head = (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}: report of a flow</title>"
        f"<meta name='viewport' content='width=device-width, initial-scale=1'><style>{STYLE}</style></head>"
    )
    made = datetime.date.today().isoformat()
    foot = f"<footer>Written on {made} by <code>flowconv report</code>. The file is whole: send it as it is.</footer>"
    write_text(path, f"{head}<body>{body}\n{foot}</body></html>\n")
    return path


def _parts(workdir, config, results):
    """The report from top to bottom."""
    yield _header(workdir, config, results)
    yield "<main>"
    yield _section("Curves", f"<div class='charts'>{curves}</div>" if (curves := _curves(workdir, config)) else "")
    found = _pictures(workdir)
    samples = sorted((file for file in found if _temperature(file) is not None), key=_temperature)
    others = [file for file in found if file not in samples]
    mine = [file for file in others if file.stem == "reconstructions"]
    step = results.get("best_at_images")
    yield _section("Samples by temperature", _figures(samples, step))
    yield _section("Reconstructions", _figures(mine, step))
    yield _section("Health of the layers", _health(workdir))
    yield _section("Other runs on these images", _comparison(workdir, config, results))
    yield _section("Figures of the test split", _table(metric_rows(results), "figures"))
    yield _section("How it was made", _table(_origin(workdir, results), "origin"))
    yield _section("More pictures", _figures((file for file in others if file not in mine), step))
    yield _section("Config", _config(config))
    yield "</main>"


def _results(workdir):
    """Those of training and what an evaluation of the same weights adds; of two of other weights the newer ones."""
    paths = [path for path in (workdir.evaluation, workdir.results) if path.is_file()]
    found = [_fields(workdir, path) for path in paths]
    if len(found) == 2 and found[0].get("best_at_images") != found[1].get("best_at_images"):
        training_is_newer = paths[1].stat().st_mtime_ns >= paths[0].stat().st_mtime_ns
        found = found[1:] if training_is_newer else found[:1]
    results = {name: value for each in found for name, value in each.items()}  # where both have it, that of training
    if not results:
        names = f"{workdir.results.name} nor {workdir.evaluation.name}"
        raise UserError(f"--workdir={workdir.path}: has no results yet (there is neither {names} in it)")
    return results


def _fields(workdir, path):
    found = read_json(path)
    if not isinstance(found, dict):
        raise UserError(f"--workdir={workdir.path}: its results can't be read: {path.name} holds no fields")
    return found


def _header(workdir, config, results):
    """The run in a sentence, and its main figures."""
    dataset, score = results.get("dataset") or {}, better_bits_per_dim(results)
    data = f"{dataset['name']} {dataset['version']}" if dataset else config.data.name
    tested = f" of {counted(dataset['test'], 'image')}" if dataset else ""
    reached = f" It reaches {score:.4f} bits/dim on the test split{tested}, " if score is not None else ""
    weights = (
        "with averaged weights." if results.get("better_weights") == "averaged" else "with the weights as they are."
    )
    sentence = f"A normalizing flow ({model_line(config)}), trained on {data}.{reached}{weights if reached else ''}"
    tiles = [("bits/dim, test split", f"{score:.4f}")] if score is not None else []
    known = {
        "parameters": ("parameters", lambda value: f"{value:,}"),
        "images_trained": ("training images", lambda value: f"{value:,}"),
        "seconds": ("time in training steps", duration),
        "images_per_second": ("training images a second", lambda value: f"{value:,.0f}"),
        "max_reconstruction_error": ("reconstruction error, levels", lambda value: f"{value:.2g}"),
    }
    for name, (title, shown) in known.items():
        if isinstance(results.get(name), int | float) and math.isfinite(results[name]):
            tiles.append((title, shown(results[name])))
    shown = "".join(
        f"<div class='tile{' first' if not number and score is not None else ''}'><dt>{_text(title)}</dt>"
        f"<dd>{_text(value)}</dd></div>"
        for number, (title, value) in enumerate(tiles)
    )
    name = _text(workdir.name or workdir.path)
    return f"<header><h1>{name}</h1><p>{_text(sentence)}</p><dl class='tiles'>{shown}</dl></header>"


def model_line(config: Any) -> str:
    """Returns a model in a line: its family, and what it is made of."""
    model, own = config.model, MODELS.part(config.model.name).keywords
    sizes = [f"{letter} {model[name]}" for name, letter in (("levels", "L"), ("depth", "K")) if name in own]
    parts = [f"{model.convolution} convolutions, {model.coupling} couplings"] if model.name == "glow" else []
    return ", ".join([model.name, *sizes, f"width {model.width}", *parts])


def _curves(workdir, config):
    """Bits/dim, learning rate and gradient norm over the training images."""
    if not workdir.metrics.is_file():
        return ""
    rows, unit = read_metrics(workdir.metrics), DEQUANTIZATIONS.part(config.model.dequantization).training_unit

    def line(label, column, marked=False):
        known = [row for row in rows if row.get(column) is not None]
        return Line(label, [row["images"] for row in known], [row[column] for row in known], marked)

    bits = [line(label, column, column.startswith("validation")) for label, column in BITS.items()]
    values = [value for each in bits for _, value in each.points]
    # The first steps would flatten all that matters.
    limits = (min(values) - 0.1, float(np.quantile(values, 0.95)) + 0.3) if values else None
    images = "training images"
    charts = [chart("Bits/dim (lower is better)", bits, images, "bits/dim", limits)]
    rate = line("learning rate", "learning_rate")
    top = max((value for _, value in rate.points), default=0.0)
    charts.append(chart("Learning rate", [rate], images, "", (0.0, top * 1.05) if top else None))
    norm = line("gradient norm", "gradient_norm")
    norms = [value for _, value in norm.points]
    limits = (0.0, max(float(np.quantile(norms, 0.98)) * 1.2, 1e-9)) if norms else None
    charts.append(chart("Gradient norm", [norm], images, unit, limits))
    return "".join(charts)


def _health(workdir):
    """The matrices and the inverse, as the last validation saw them."""
    if not workdir.health.is_file():
        return ""
    health = read_json(workdir.health)
    rows = [(MEANINGS.get(name, name), health.get(f"health/{name}")) for name in MEANINGS if f"health/{name}" in health]
    shown = ((meaning[0].upper() + meaning[1:], f"{float(value):.4g}") for meaning, value in rows)
    table = _table(shown, "health")
    levels: dict[str, list[tuple[int, float]]] = {}
    for name, value in health.items():
        if found := re.fullmatch(r"condition_number/(.*), step (\d+)", name):
            levels.setdefault(printable(found[1]), []).append(
                (int(found[2]), math.log10(value) if value > 0 else math.nan)
            )
    lines = [Line(level, *zip(*sorted(points), strict=True), marked=True) for level, points in sorted(levels.items())]
    drawn = chart("Condition numbers of the matrices W", lines, "step of the level", "log10 of the condition number")
    said = f"At the last validation, after {counted(int(health['images']), 'training image')}."
    return f"<p class='soft'>{said}</p>{table}<div class='charts'>{drawn}</div>"


def _comparison(workdir, config, results):
    """The runs beside this one, this one among them."""
    score = better_bits_per_dim(results)
    others = runs_beside(workdir, results) if score is not None and results.get("dataset") else []
    if not others:
        return ""
    rows = [(other.bits_per_dim, other.name, other.config, other.results, other.written) for other in others]
    rows = sorted([*rows, (score, workdir.name, config, results, "")], key=lambda row: row[0])
    head = "<tr><th>run</th><th>model</th><th class='number'>parameters</th><th class='number'>training images</th>"
    head += "<th class='number'>bits/dim, test</th><th class='number'>difference</th><th>day</th></tr>"
    lines = []
    for bits, name, model, found, day in rows:
        own = found is results
        numbers = (found.get("parameters"), found.get("images_trained"))
        cells = [
            f"<th>{_text(name)}{' (this run)' if own else ''}</th>",
            f"<td class='model'>{_text(model_line(model))}</td>",
        ]
        cells += [f"<td class='number'>{_text(_shown(number))}</td>" for number in numbers]
        cells.append(f"<td class='number'>{bits:.4f}</td>")
        cells.append(
            f"<td class='number'>{'' if own else f'{bits - score:+.4f}'}</td><td class='day'>{_text(day)}</td>"
        )
        lines.append(f"<tr{' class=this' if own else ''}>{''.join(cells)}</tr>")
    caption = "<caption>Finished runs in the folder of this run that were tested on the same images.</caption>"
    return _wide(f"{caption}<thead>{head}</thead><tbody>{''.join(lines)}</tbody>", "other runs")


def _origin(workdir, results):
    """Command, commit, machine, dates, versions, data."""
    rows = []
    if known := _sessions(workdir, results):
        first, last = known[0], known[-1]
        rows.append(("command", f"<code>{_text(last.get('command', ''))}</code>"))
        rows.append(("commit", _text(last.get("commit") or f"flowconv {last.get('version', '')}, no checkout")))
        rows.append(("machine", _text(last.get("machine", ""))))
        rows.append(("started", _text(_day_and_time(first.get("started")))))
        rows.append(("ended", _text(_day_and_time(last.get("ended")) or "goes on, or was killed")))
        if len(known) > 1:
            rows.append(("sessions", _text(f"{len(known):,}: stopped and started again")))
    if dataset := results.get("dataset"):
        counts = ", ".join(f"{dataset[split]:,} {split}" for split in ("train", "validation", "test"))
        note = f"; {dataset['note']}" if dataset.get("note") else ""
        rows.append(("data", _text(f"{dataset['name']} {dataset['version']}: {counts}{note}")))
    rows += [(title, _text(_shown(results[name]))) for name, title in ROWS if name in results]
    if versions := results.get("versions"):
        rows.append(("versions", _text(", ".join(f"{name} {version}" for name, version in versions.items()))))
    if results.get("bits_per_dim_is"):
        rows.append(("bits/dim are", _text(results["bits_per_dim_is"])))
    return [(title, _Html(value)) for title, value in rows]


def _sessions(workdir, results):
    """Those in which the run was trained: the command of a finished one, given again, trains nothing."""
    known, trained = sessions.of(workdir), results.get("images_trained")
    if not isinstance(trained, int):
        return known
    return [each for each in known if not (isinstance(seen := each.get("images_seen"), int) and seen >= trained)]


def _day_and_time(given):
    try:
        return datetime.datetime.fromisoformat(given).strftime("%Y-%m-%d %H:%M %z").strip()
    except (TypeError, ValueError):
        return ""


def _config(config):
    fields = "".join(
        f"<tr><th><code>{field}</code></th><td>{_text(value)}</td></tr>" for field, value in flatten(config)
    )
    return f"<details><summary>All fields</summary>{_wide(fields, 'config')}</details>"


class _Html(str):
    """Text that is HTML already."""


def _table(rows: Iterable[tuple[str, str]], label: str) -> str:
    lines = [
        f"<tr><th>{_text(name)}</th><td>{value if isinstance(value, _Html) else _text(value)}</td></tr>"
        for name, value in rows
    ]
    return _wide("".join(lines), label) if lines else ""


def _wide(rows, label):
    """A table that is moved sideways where it is wider than the page, by keys too."""
    return f"<div class='wide' tabindex='0' role='region' aria-label='{label}'><table>{rows}</table></div>"


def _section(title, content):
    return f"<section><h2>{title}</h2>{content}</section>" if content else ""


def _text(value):
    return html.escape(printable(str(value)))


def _shown(value):
    if isinstance(value, float):
        return f"{value:,.4f}" if value < 100 else f"{value:,.0f}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _pictures(workdir):
    """Those of the end of the run, by name: files of this run that are pictures, no links; curves are drawn anew."""
    if not workdir.pictures.resolve().is_relative_to(workdir.path.resolve()):
        return []
    files = sorted(file for file in workdir.pictures.glob("*.png") if not file.stem[-9:].isdigit() and _is_png(file))
    return [file for file in files if file.stem != "curve"]


def _is_png(file):
    if file.is_symlink() or not file.is_file():
        return False
    with file.open("rb") as content:
        return content.read(len(PNG)) == PNG


def _temperature(file):
    """Of the samples in a file that the end of a run drew; None if it shows something else."""
    try:
        return float(file.stem.removeprefix(AT_THE_END)) if file.stem.startswith(AT_THE_END) else None
    except ValueError:
        return None


def _figures(files, step):
    figures = "".join(_figure(file, step) for file in files)
    return f"<div class='pictures'>{figures}</div>" if figures else ""


def _figure(file, step):
    """A picture, with what it doesn't say of itself: its name, or that it is of other weights than the results."""
    content = file.read_bytes()
    facts, size = _facts(content)
    title, of = facts.get("Title") or file.stem.replace("-", " "), facts.get("step", "")
    caption = "" if facts.get("Title") else title
    if of.isdigit() and step is not None and int(of) != step:
        caption = f"{title}: of other weights than the results, after {counted(int(of), 'training image')}"
    data, words = base64.b64encode(content).decode(), html.escape(printable(title), quote=True)
    image = f"<img alt='{words}'{size} src='data:image/png;base64,{data}'>"
    return f"<figure>{f'<figcaption>{_text(caption)}</figcaption>' if caption else ''}{image}</figure>"


def _facts(content: bytes) -> tuple[Mapping[str, str], str]:
    """The text in a picture's file, and its width and height as attributes; no pixel is read."""
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
            facts = {str(name): value for name, value in picture.info.items() if isinstance(value, str)}
            return facts, f" width='{picture.width}' height='{picture.height}'"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return {}, ""
