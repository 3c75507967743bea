"""From `config.data` to the three splits of a data set, decoded once per machine."""

import contextlib
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from ml_collections import ConfigDict

from flowconv.config import default_config, image_shape
from flowconv.errors import UserError
from flowconv.words import printable


@dataclass(frozen=True)
class ImageData:
    """A data set: what it is, and its images."""

    name: str  # under which results are reported: "cifar10", "cifar10 subset (8,068/1,017)"
    version: str  # tensorflow_datasets'
    note: str  # what else a reader of a result must know, or ""
    fingerprint: str  # of all pixels of the three splits in order, 12 hexadecimal digits
    splits: Mapping[str, np.ndarray]  # "train", "validation", "test": uint8 [N, H, W, C], memory-mapped, N > 0
    labels: Mapping[str, np.ndarray] = field(default_factory=dict)  # of the same: int32 [N]; or none
    class_names: Sequence[str] = ()  # in the order of labels

    def examples(self, split: str) -> dict[str, np.ndarray]:
        """The images of a split by the name "image" and, if they have any, their labels by "label"."""
        labels = {"label": self.labels[split]} if split in self.labels else {}
        return {"image": self.splits[split]} | labels

    def describe(self) -> dict[str, object]:
        """The record of the data set in a run's results; JSON can hold it."""
        height, width, channels = self.splits["train"].shape[1:]
        return {
            "name": self.name,
            "version": self.version,
            "image_size": height if height == width else [height, width],
            "channels": channels,
            "classes": len(self.class_names),
            **{split: len(pixels) for split, pixels in self.splits.items()},
            "note": self.note,
            "fingerprint": self.fingerprint,
        }


def check(data_config: ConfigDict) -> str:
    """Refuses what `load` would refuse, as far as that can be told before anything is downloaded or decoded.

    Returns:
        What there is to be known of the data: "left out: 3 links to folders, 2 .txt", or "".

    Raises:
        UserError: as `load` does; also if images are to be held out of data that have a split to validate.
    """
    from flowconv.data import builders, preparation, splits
    from flowconv.data.datasets import dataset_class

    default = default_config().data.validation_images
    is_ours = dataset_class(data_config.name.partition("/")[0]).is_ours()
    if is_ours and data_config.validation_images != default:
        raise UserError(
            f"--config.data.validation_images={data_config.validation_images}: is not used with data.name="
            f"{data_config.name}, a tenth of which or so is held out anyway; leave it out"
        )
    try:
        dataset = builders.find_dataset(data_config)
        builders.check_shape(dataset, image_shape(data_config))
        if dataset.is_prepared:
            splits.parts(dataset, data_config.validation_images)
        else:
            preparation.check_obtainable(dataset)
    except builders.DamagedRecords:
        return ""  # `load` makes them anew
    return dataset.left_out()


def load(data_config: ConfigDict, prepare: bool = True) -> ImageData:
    """The images of a data set; the first time, its records are prepared and decoded into the cache.

    What in the cache turns out to be damaged is made anew, and so said on stderr.

    Args:
        data_config: `config.data`; all but `n_bits` and `flip` is used.
        prepare: whether to prepare and decode what isn't there. Of the processes of a machine one should do so
            before the others load with False, which writes nothing; if several do, nothing breaks.

    Raises:
        UserError: unknown data set or image size, data neither there nor to be had, a folder without
            readable images, too many validation images, a cache that can't be written; or, with `prepare`
            false, images that are not in the cache.
    """
    from flowconv.data import builders

    try:
        return _load(data_config, prepare)
    except builders.DamagedRecords as error:
        if not prepare:
            raise
        print(printable(f"{error}; they are made anew"), file=sys.stderr)
        shutil.rmtree(error.path)
        return _load(data_config, prepare)


def load_for_use(data_config: ConfigDict, prepare: bool = True) -> ImageData:
    """The images of a run that is used, which may be a stranger's: as `load`, but its config says only where to read.

    What isn't decoded in its `cache_dir` is decoded into the user's own cache; nothing is downloaded into its `dir`.
    What it names is said on stderr.

    Raises:
        UserError: as `load` does.
    """
    from flowconv.data import builders

    named = [f"data.{field}={data_config[field]}" for field in ("dir", "cache_dir") if data_config[field]]
    if named and prepare:
        print(printable(f"the run's data are read: {data_config.name}, {', '.join(named)}"), file=sys.stderr)
    if data_config.cache_dir:
        with contextlib.suppress(UserError):
            return load(data_config, prepare=False)
    own = data_config.copy_and_resolve_references()
    own.cache_dir = ""
    dataset = builders.find_dataset(own)
    if own.dir and not dataset.is_prepared and not dataset.is_ours():
        raise UserError(f"--config.data.dir={own.dir}: {own.name} is not there; name the folder that holds it")
    return load(own, prepare)


def _load(data_config: ConfigDict, prepare: bool) -> ImageData:
    from flowconv.data import builders, cache, leftovers, preparation, splits

    shape = image_shape(data_config)
    folder = builders.cache_folder(data_config.cache_dir)
    if prepare:
        leftovers.remove(folder, lambda: leftovers.unfinished(folder))
    dataset = builders.find_dataset(data_config)
    builders.check_shape(dataset, shape)
    there = dataset.builder.data_path.exists()
    if prepare and not dataset.is_prepared:
        if there and dataset.is_ours():
            raise builders.damaged(dataset, "dataset_info.json is missing")
        with leftovers.writing(folder) if dataset.is_ours() else contextlib.nullcontext():
            preparation.prepare(dataset)
        dataset = builders.find_dataset(data_config)  # which knows its splits now
    if not dataset.is_prepared:
        raise UserError(f"--config.data.name={data_config.name}: not prepared in {dataset.builder.data_path}")

    parts = splits.parts(dataset, data_config.validation_images)
    counts = {part.split: dataset.split_counts[part.split] for part in parts.values()}
    entry = cache.entry(folder, dataset, shape)
    try:
        decoded = cache.read(entry, counts, shape, dataset.has_labels, prepare)
    except cache.Damaged as damage:
        if not prepare:
            raise UserError(
                f"--config.data.cache_dir={folder}: {data_config.name} has not been decoded there ({damage})"
            ) from damage
        if os.path.exists(entry):
            line = f"the decoded images in {entry} are {damage}; they are made anew"
            print(printable(line), file=sys.stderr)
            cache.discard(entry)
        cache.write(entry, dataset, list(counts), shape)
        decoded = cache.read(entry, counts, shape, dataset.has_labels, prepare)
    if prepare:
        leftovers.remove(folder, lambda: cache.superseded(entry, dataset))
        if left_out := dataset.left_out():
            print(printable(f"--config.data.dir={data_config.dir}: {left_out}"), file=sys.stderr)
    return ImageData(
        name=dataset.shown_name,
        version=str(dataset.builder.version),
        note="; ".join(dataset.notes(shape, decoded.enlarged)),
        fingerprint=decoded.fingerprint,
        splits={name: part.of(decoded.pixels) for name, part in parts.items()},
        labels={name: part.of(decoded.labels) for name, part in parts.items() if decoded.labels},
        class_names=dataset.class_names,
    )
