"""A run as one HTML file."""

import base64
import html
from pathlib import Path

from flowconv.config import flatten
from flowconv.errors import UserError
from flowconv.files import read_json, write_text
from flowconv.training.summary import metric_rows
from flowconv.workdir import Workdir

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse } td, th { padding: .2rem 1rem .2rem 0; text-align: left; vertical-align: top }
th { font-weight: 600 } figure { margin: 1rem 0 } img { max-width: 100%; image-rendering: pixelated }
figcaption, details { color: #555 } code { font-size: .9em }
"""
PNG = b"\x89PNG\r\n\x1a\n"  # with which such a file begins
FACTS = (
    ("parameters", "parameters"),
    ("precision", "precision"),
    ("images_trained", "training images"),
    ("images_per_second", "images/s"),
    ("seconds", "seconds of training steps"),
    ("world_size", "ranks"),
    ("seed", "seed"),
)


def write_report(workdir: Workdir, path: Path) -> Path:
    """Writes the report of a run that was evaluated; returns the file.

    Raises:
      UserError: if the run has no results, they can't be read, or the file can't be written.
    """
    config = workdir.load_config()
    try:
        rows = _rows(_results(workdir))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"--workdir={workdir.path}: its results can't be read: {error!r}") from error
    name = f"{config.model.name}, {config.model.convolution}: L {config.model.levels}, K {config.model.depth}"
    fields = "".join(_row(f"<code>{field}</code>", html.escape(str(value))) for field, value in flatten(config))
    parts = [
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{html.escape(workdir.path.name)}</title>",
        f"<style>{STYLE}</style><h1>{html.escape(str(workdir.path))}</h1><p>{html.escape(name)}</p>",
        "<h2>Results</h2><table>" + "".join(_row(html.escape(a), html.escape(b)) for a, b in rows) + "</table>",
        "<h2>Pictures</h2>" + "".join(_figure(file) for file in _pictures(workdir)),
        f"<h2>Config</h2><details><summary>all fields</summary><table>{fields}</table></details></html>",
    ]
    write_text(path, "\n".join(parts) + "\n")
    return path


def _rows(results):
    """The table, as far as the results go."""
    rows = metric_rows(results)
    rows += [(title, _shown(results[name])) for name, title in FACTS if name in results]
    if dataset := results.get("dataset"):
        counts = ", ".join(f"{dataset[split]:,} {split}" for split in ("train", "validation", "test"))
        note = f"; {dataset['note']}" if dataset.get("note") else ""
        rows.insert(0, ("data", f"{dataset['name']} {dataset['version']}: {counts}{note}"))
    if versions := results.get("versions"):
        rows.append(("versions", ", ".join(f"{name} {version}" for name, version in versions.items())))
    return rows


def _results(workdir):
    """Those of training, and what a later evaluation adds to them; a folded run has the latter alone."""
    results = {}
    for path in (workdir.evaluation, workdir.results):  # the figures of the second one count
        if path.is_file():
            results |= read_json(path)
    if not results:
        names = f"{workdir.results.name} nor {workdir.evaluation.name}"
        raise UserError(f"--workdir={workdir.path}: has no results yet (there is neither {names} in it)")
    return results


def _pictures(workdir):
    """The curve first, then those of the end of the run, by name: files of this run that are pictures, no links."""
    if not workdir.pictures.resolve().is_relative_to(workdir.path.resolve()):
        return []
    files = sorted(file for file in workdir.pictures.glob("*.png") if not file.stem[-9:].isdigit() and _is_png(file))
    return sorted(files, key=lambda file: file.stem != "curve")


def _is_png(file):
    if file.is_symlink() or not file.is_file():
        return False
    with file.open("rb") as content:
        return content.read(len(PNG)) == PNG


def _figure(file):
    data = base64.b64encode(file.read_bytes()).decode()
    caption = html.escape(file.stem.replace("-", " "))
    return (
        f"<figure><img alt='{caption}' src='data:image/png;base64,{data}'><figcaption>{caption}</figcaption></figure>"
    )


def _row(name, value):
    return f"<tr><th>{name}</th><td>{value}</td></tr>"


def _shown(value):
    if isinstance(value, float):
        return f"{value:,.4f}" if value < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
