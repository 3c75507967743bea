"""A trained flow as a small folder that is loaded like a run: its best weights alone, config, figures and a card."""

import json
import os
import shutil
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from ml_collections import ConfigDict

from flowconv.config import architecture, default_config, flatten
from flowconv.errors import UserError
from flowconv.files import new_folder, write_json, write_text
from flowconv.inference.load import Run, free_folder
from flowconv.training.results import better_name, results_of
from flowconv.words import counted
from flowconv.workdir import Workdir
from flowconv.workdir.checkpoint_folder import CheckpointFolder
from flowconv.workdir.checkpoint_reader import saved_name

VERBS = {"train": "train on", "validation": "validate", "test": "test"}
BY_HAND = "(write it here)"  # what a run doesn't know


def export(run: Run, folder: str | os.PathLike, precision: str = "float32") -> None:
    """Writes the folder, which `load_run`, --workdir and, in flowconv/pretrained/, --model take.

    Args:
      run: with its best weights, which have been evaluated.
      folder: is made; must be empty or not there.
      precision: of the file: float32, exactly the weights, or float16, which is half as large. The flow computes in its
        own precision, and is as invertible with rounded weights.

    Raises:
      UserError: if it can't be written, or holds something; if the run has no results of these weights that can be
        read, or float16 can't hold them.
    """
    target = Workdir(free_folder("output", folder), "--output")
    known = results_of(run.workdir, run.images_seen)
    if not known:
        raise UserError(
            f"{run.workdir.flag}={run.workdir.path}: has no results of its best weights, those after "
            f"{counted(run.images_seen, 'training image')}: run scripts/evaluate.py first"
        )
    results, config = known[0], run.config.copy_and_resolve_references()
    config.data.cache_dir = default_config().data.cache_dir  # the user's own
    try:
        readme = card(target.path.name, results, config, precision)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise UserError(f"{run.workdir.flag}={run.workdir.path}: its results can't be read: {error!r}") from error
    weights = {saved_name(variable): rounded(variable.value, precision) for variable in run.flow.variables}
    checkpoint = tf.train.Checkpoint(
        weights=weights,
        progress={"images_seen": tf.Variable(run.images_seen, dtype=tf.int64), "average_is_best": tf.Variable(False)},
        architecture=tf.Variable(json.dumps(architecture(run.config)), trainable=False),
    )
    try:
        with new_folder(target.path):
            CheckpointFolder(target.best_checkpoint, 1).write(checkpoint, run.images_seen)
            target.save_config(config)
            write_json(target.results, results)
            if run.workdir.data.is_file():
                shutil.copyfile(run.workdir.data, target.data)
            write_text(target.path / "README.md", readme)
    except OSError as error:
        raise UserError(f"--output={target.path}: can't be written ({error.strerror or error})") from error


def card(name: str, results: Mapping[str, Any], config: ConfigDict, precision: str) -> str:
    """Returns the model card, in Markdown; two of its rows are to be written by hand."""
    dataset, default = results["dataset"], dict(flatten(default_config()))
    counts = ", ".join(f"{dataset[split]:,} to {verb}" for split, verb in VERBS.items())
    changes = ", ".join(f"`{field}={value}`" for field, value in flatten(config) if default.get(field, "") != value)
    figures = (f"{results[better_name(results)]:.3f} on the test split", results.get("bits_per_dim_is"))
    rows = {
        "data": f"{dataset['name']} {dataset['version']}: images {counts}",
        "license of the data": BY_HAND,
        "model": config.model.name,
        "config": f"the default with {changes}",
        "trained": _trained(results),
        "machine": BY_HAND,
        "versions": ", ".join(f"{library} {version}" for library, version in results["versions"].items()),
        "bits/dim": ", ".join(figure for figure in figures if figure),
        "weights": f"{results['parameters']:,}, the {results['better_weights']} ones, in {precision}",
    }
    table = "\n".join(f"| {row} | {text} |" for row, text in rows.items())
    note = f": {dataset['note']}" if dataset.get("note") else ""
    return f"# {name}\n\nA flow of {dataset['name']}{note}.\n\n| | |\n|---|---|\n{table}\n"


def _trained(results):
    """The training in words: its length alone, where a run was only evaluated, as a folded one."""
    if "images_trained" not in results:
        return f"on {results['best_at_images']:,} images"
    trained = f"on {results['images_trained']:,} images, in {results['seconds']:,.0f} s of training steps"
    return f"{trained}, by {results['world_size']} rank(s)"


def rounded(value: tf.Variable, precision: str) -> tf.Variable:
    """Returns a copy of a variable, rounded if it is of floats.

    Raises:
      UserError: if float16 can't hold it.
    """
    if not value.dtype.is_floating or precision != "float16":
        return tf.Variable(value, trainable=False)
    rounded = tf.cast(value, tf.float16)
    if not tf.reduce_all(tf.math.is_finite(rounded)):
        raise UserError("--precision=float16: has no numbers as large as some of the weights: take float32")
    return tf.Variable(rounded, trainable=False)
