"""A trained flow and what it was trained on."""

import contextlib
import csv
import math
import os
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict

from flowconv import data, distributed
from flowconv.config import architecture, image_shape, validate
from flowconv.data.crop import central_patch, crop_and_resize, pixels_of
from flowconv.data.image_files import image_files, in_words
from flowconv.data.reading import Unreadable, read
from flowconv.errors import UserError, warn
from flowconv.files import check_writable
from flowconv.inference.scoring import Typical, typical_of
from flowconv.models import Flow, build_flow
from flowconv.paths import given_path
from flowconv.training.checkpoints import Checkpoints
from flowconv.training.optimizer import build_optimizer
from flowconv.training.results import better_name, results_of
from flowconv.utils.progress_bar import progress, working
from flowconv.words import printable
from flowconv.workdir import Workdir, dataset_record


@dataclass(frozen=True)
class Run:
    """A trained flow.

    Attributes:
      flow: with its best weights.
      config: it was trained with.
      workdir: where it lies.
      images_seen: training images after which it had these weights.

    Example:
      >>> from flowconv.inference.load import load_run
      >>> from flowconv.workdir import pretrained
      >>> run = load_run(pretrained.found("letters"))
      >>> run.config.model.condition, run.flow.condition.classes
      ('class', 26)
    """

    flow: Flow
    config: ConfigDict
    workdir: Workdir
    images_seen: int = 0

    @property
    def facts(self) -> dict[str, object]:
        """The run and the step, of which its pictures tell."""
        return {"run": self.workdir.name, "step": self.images_seen}

    def images(self, split: str = "test") -> np.ndarray:
        """Returns the images of a split of the run's data set, uint8 `[N, H, W, C]`; errors as of `examples`."""
        return self.examples(split)["image"]

    def examples(self, split: str = "test") -> dict[str, np.ndarray]:
        """Returns a split of the data set that the run was trained on: "image" and, if it has labels, "label".

        Raises:
          UserError: if the data set is no longer there. That it has changed is said on stderr.
        """
        images = data.load_for_use(self.config.data)
        if changed := dataset_record.changes(self.workdir, images):
            warn(changed)
        return images.examples(split)

    def typical(self, seed: int, measured: bool = False) -> Typical:
        """Returns what is typical of the test split: as results of these weights have it, or else measured.

        Args:
          seed: of the noise it is measured with.
          measured: whether it is measured in any case.

        Raises:
          UserError: as `examples`, if no results have it.
        """
        kept = None if measured else _kept_typical(self.workdir, self.images_seen)
        return kept or typical_of(self.flow, self.examples("test"), seed)

    def examples_of(self, flag: str, given: str | None, most: int | None) -> dict[str, np.ndarray]:
        """Returns the first images that a flag names, as `read_images`, or if it isn't given of the test split."""
        if given is None:
            examples = self.examples("test")
            return examples if most is None else data.first_of(examples, most)
        return {"image": read_images(flag, given, self.config.data, most)[1]}


def _kept_typical(workdir, images_seen):
    for results in results_of(workdir, images_seen):
        with contextlib.suppress(ArithmeticError, KeyError, TypeError, ValueError):  # damaged, or of another version
            found = Typical(float(results[better_name(results)]), float(results["test_bits_per_dim_deviation"]))
            if math.isfinite(found.mean) and math.isfinite(found.deviation):
                return found
    return None


def load_run(
    workdir: str | os.PathLike | Workdir | None, data_dir: str | os.PathLike | None = None, segments: int | None = None
) -> Run:
    """Returns the run in a folder, its flow with the weights that were best on the validation split.

    If these are damaged, a line on stderr says so, and the newest good ones are taken. No data are read.

    Args:
      workdir: the run, or its folder.
      data_dir: where its data are, if not where it found them (data.dir).
      segments: of inverses of autoregressive layers, if not those of the run (model.segments).

    Raises:
      UserError: if there is none, or no checkpoint in it that can be read, or for segments that it can't have.

    Example:
      >>> from flowconv.inference.load import load_run
      >>> from flowconv.workdir import pretrained
      >>> load_run(pretrained.found("photos")).flow.is_conditional
      False
    """
    workdir = workdir if isinstance(workdir, Workdir) else Workdir(workdir)
    distributed.initialize()
    config = workdir.load_config()
    if data_dir is not None:
        config.data.dir = os.fspath(data_dir)
        validate(config)
    if segments is not None:
        config.model.segments = segments
        _check_segments(config)
    with working(f"loading {workdir.path}"):
        flow = build_flow(config, reset=False)
        optimizer = build_optimizer(config.optimizer, config.train.ema_decay)  # which keeps the averages
        optimizer.build(flow.trainable_variables)
        average_is_best = tf.Variable(False, trainable=False)
        images_seen = tf.Variable(0, dtype=tf.int64, trainable=False)
        progress_variables = {"average_is_best": average_is_best, "images_seen": images_seen}
        fields, best = architecture(config), workdir.best_checkpoint
        checkpoints = Checkpoints(flow, optimizer, progress_variables, fields, workdir.checkpoints, best)
        for line in checkpoints.restore_best().damaged:
            warn(line)
        if average_is_best:
            optimizer.finalize_variable_values(flow.trainable_variables)
    return Run(flow, config, workdir, int(images_seen))


def _check_segments(config):
    try:
        validate(config)
    except UserError as error:
        raise UserError(str(error).replace("--config.model.segments=", "--segments=")) from None


def find_images(flag: str, given: str | None) -> list[Path]:
    """Returns the image files that a flag names: files or folders, with commas between them.

    What exists by the whole text, commas included, is taken for one name. A folder stands for the image files below it,
    in the order of their names. A file counts whatever its suffix.

    Args:
      flag: for what is said of it.
      given: its value.

    Raises:
      UserError: if it is missing, or one of the names is no file or folder, or a folder without images.
    """
    return [path for paths, _ in _found(flag, given) for path in paths]


def _found(flag, given):
    """The image files of each name, and the line about what is left out of it, "" if nothing."""
    if given is None:
        raise UserError(f"--{flag} is missing: name files or folders of images, with commas between them")
    found = []
    for name in [given] if os.path.exists(os.path.expanduser(given)) else given.split(","):
        path = given_path(f"--{flag}", name)
        if not os.path.exists(path):  # nor one that can be seen
            raise UserError(f"--{flag}={name}: there is no such file or folder")
        found.append(_files_below(flag, path) if path.is_dir() else ([path], ""))
    return found


def _files_below(flag, folder):
    left_out = Counter()
    try:
        paths = sorted(Path(entry.path) for entry in image_files(str(folder), left_out))
    except OSError as error:
        raise UserError(f"--{flag}={folder}: can't be listed ({error.strerror}: {error.filename!r})") from error
    if not paths:
        raise UserError(f"--{flag}={folder}: holds no images{in_words(left_out, '; left out: ')}")
    return paths, in_words(left_out, f"--{flag}={folder}: left out: ")


def read_images(
    flag: str, given: str | None, data_config: ConfigDict, most: int | None = None
) -> tuple[list[Path], np.ndarray]:
    """Returns the image files that a flag names, as `find_images`, and their pictures, uint8 `[N, H, W, C]`.

    How many other files its folders hold is said on stderr.

    Args:
      flag: for what is said of it.
      given: its value.
      data_config: of the run; each image is cropped and resized, or its central patch taken, as its data were.
      most: as many at most, the first ones (default: all).

    Raises:
      UserError: as `find_images`, or if one of them can't be read.
    """
    found = _found(flag, given)
    for _, left_out in found:
        if left_out:
            print(printable(left_out), file=sys.stderr)
    paths = [path for paths, _ in found for path in paths][:most]
    shown = progress(paths, len(paths), f"reading --{flag}")
    return paths, np.stack([read_image(flag, path, data_config) for path in shown])


def read_labels(flag: str, path: str, data_config: ConfigDict) -> tuple[np.ndarray, np.ndarray]:
    """Returns the pictures that a CSV file marks with 1, and those marked with 0: uint8 `[N, H, W, C]` each.

    Raises:
      UserError: if it can't be read, or has none of either.
    """
    groups: dict[str, list[np.ndarray]] = {"1": [], "0": []}
    path = given_path(f"--{flag}", path)
    try:
        # Excel begins UTF-8 with a mark; names of files may be in any encoding.
        with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, csv.Error) as error:
        raise UserError(f"--{flag}={path}: can't be read ({error})") from error
    for number, row in enumerate(rows, 1):
        if len(row) != 2 or row[1].strip() not in groups:
            raise UserError(f"--{flag}={path}: line {number} must be a path, a comma, and 1 or 0")
        groups[row[1].strip()].append(read_image(flag, path.parent / row[0], data_config))
    if not all(groups.values()):
        raise UserError(f"--{flag}={path}: must have images of both kinds, 1 and 0")
    return np.stack(groups["1"]), np.stack(groups["0"])


def read_image(flag: str, path: str | os.PathLike, data_config: ConfigDict) -> np.ndarray:
    """Returns one picture, uint8 `[H, W, C]`; arguments and errors as of `read_images`."""
    height, width, channels = image_shape(data_config)
    try:
        image = read(given_path(f"--{flag}", path), channels)
    except Unreadable as error:
        raise UserError(f"--{flag}={path}: can't be read as an image ({error})") from None
    return pixels_of((central_patch if data_config.patches else crop_and_resize)(image, (height, width)))


def free_folder(flag: str, given: str | os.PathLike) -> Path:
    """Returns a folder that holds nothing or isn't there; to be called before the work.

    Raises:
      UserError: if it holds something, or can't be written.
    """
    folder = given_path(f"--{flag}", given)
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(f"--{flag}={folder}: holds something; name a folder that is empty or not there")
    except OSError as error:
        raise UserError(f"--{flag}={folder}: can't be read ({error.strerror})") from error
    check_writable(f"--{flag}", folder)
    return folder
