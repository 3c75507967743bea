"""From `config.data` to a data set."""

import difflib
import os
import re
from collections.abc import Callable
from pathlib import Path

import tensorflow_datasets as tfds
from ml_collections import ConfigDict

from flowconv.config import image_shape
from flowconv.config.parts import DATASETS
from flowconv.data.crop import Shape
from flowconv.data.dataset import Dataset, side
from flowconv.data.datasets import dataset_class
from flowconv.errors import UserError
from flowconv.words import counted

NAME = re.compile(r"(\w+)(?:/([^/:]+))?(?::([\d.*]+))?")  # data_set/variant:version


def cache_folder(cache_dir: str) -> Path:
    """Where decoded images and the records of our own builders are kept; "" stands for the user's cache."""
    if cache_dir:
        return Path(cache_dir).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flowconv"


def find_dataset(data_config: ConfigDict) -> Dataset:
    """The data set that `data_config` names; nothing is downloaded, prepared or decoded.

    Raises:
        UserError: no such data set, or not in this image size; for `folder` also if the folder won't do.
    """
    name = data_config.name
    shape = image_shape(data_config)
    if min(shape) < 1:
        raise UserError(f"--config.data.image_size={data_config.image_size}: must be at least 1")
    parsed = NAME.fullmatch(name)
    base, variant, version = parsed.groups() if parsed else (name, None, None)
    cls = dataset_class(base)
    try:
        variants = cls.builder_class().builder_configs if parsed else None
    except ValueError:
        variants = None
    if variants is None:
        raise UserError(f"--config.data.name={name}: no such data set{_nearest(base)}")
    if variant is None:
        variant = _sized(name, variants, shape) if cls.has_sizes else None
    elif variant not in variants:
        raise UserError(f"--config.data.name={name}: {base} has only {', '.join(variants) or 'one variant'}")
    records = cache_folder(data_config.cache_dir) / "records" if cls.is_ours() else None
    data_dir = records or os.path.expanduser(data_config.dir) or None
    builder = _built(lambda: cls.build(data_config, variant, version, data_dir), name, records)
    return cls(base, builder)


class DamagedRecords(UserError):
    """Records of one of our own builders that can't be read; they can be made again.

    Attributes:
        path: their folder.
    """

    def __init__(self, message: str, path: Path):
        super().__init__(message)
        self.path = path


def _built(build: Callable[[], tfds.core.DatasetBuilder], name: str, records: Path | None) -> tfds.core.DatasetBuilder:
    """The builder; what it says of broken metadata is of our own `records`, or of the user's data."""
    try:
        return build()
    except UserError:
        raise
    except Exception as error:  # whatever the parsers of its files raise
        reason = " ".join(str(error).split()) or type(error).__name__
        if records and records.exists():
            raise DamagedRecords(f"the records in {records} are damaged ({reason})", records) from error
        raise UserError(f"--config.data.name={name}: {reason}") from error


def damaged(dataset: Dataset, reason: str) -> UserError:
    """The error about records that can't be read."""
    reason, path = " ".join(reason.split()), dataset.builder.data_path
    if dataset.is_ours():
        return DamagedRecords(f"the records in {path} are damaged ({reason})", Path(path))
    return UserError(f"--config.data.name={dataset.name}: the data in {path} are damaged, prepare them again: {reason}")


def _nearest(name: str) -> str:
    """A hint at the data set that was meant."""
    for names in (DATASETS.names, tfds.list_builders(with_community_datasets=False)):
        if close := difflib.get_close_matches(name, names, n=1):
            return f"; did you mean {close[0]}?"
    return f"; there are {', '.join(DATASETS)} and whatever else tensorflow_datasets knows"


def _sized(name: str, variants: list[str], shape: Shape) -> str:
    """The variant of a data set that comes in sizes, which are squares."""
    sizes = {side(variant): variant for variant in variants}
    if shape[0] != shape[1] or shape[0] not in sizes:
        size = shape[0] if shape[0] == shape[1] else shape[:2]
        raise UserError(f"--config.data.image_size={size}: {name} comes in sizes {', '.join(map(str, sorted(sizes)))}")
    return sizes[shape[0]]


def check_shape(dataset: Dataset, shape: Shape) -> None:
    """Raises UserError if images would have to be enlarged, which makes bits/dim meaningless, or have other channels.

    Grey images alone can be given more channels than they have.
    """
    *native, channels = dataset.native_shape
    sides = [(side, asked) for side, asked in zip(native, shape[:2], strict=True) if side is not None]
    if any(asked > side for side, asked in sides):
        size = shape[0] if shape[0] == shape[1] else shape[:2]
        raise UserError(
            f"--config.data.image_size={size}: {dataset.name} has images of "
            f"{'x'.join(str(side) for side, _ in sides)}; at most {min(side for side, _ in sides)}"
        )
    if channels != shape[2] and (channels, shape[2]) != (1, 3):
        right = " (which 3 repeat)" if channels == 1 else ""
        raise UserError(
            f"--config.data.channels={shape[2]}: {dataset.name} has images of {counted(channels, 'channel')}{right}"
        )
