"""From `config.data` to the three splits of a data set, decoded once per machine."""

import contextlib
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from ml_collections import ConfigDict

from flowconv.config import default_config
from flowconv.errors import UserError
from flowconv.words import printable


@dataclass(frozen=True)
class ImageData:
    """A data set: what it is, and its images."""

    name: str  # under which results are reported: "cifar10", "cifar10 subset (8,068/1,017)"
    version: str  # tensorflow_datasets'
    note: str  # what else a reader of a result must know, or ""
    fingerprint: str  # of all pixels of the three splits in order, 12 hexadecimal digits
    splits: Mapping[str, np.ndarray]  # "train", "validation", "test": uint8 [N, H, W, 3], memory-mapped, N > 0

    def describe(self) -> dict[str, object]:
        """The record of the data set in a run's results; JSON can hold it."""
        return {
            "name": self.name,
            "version": self.version,
            "image_size": self.splits["train"].shape[1],
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

    default = default_config().data.validation_images
    if data_config.name.partition("/")[0] in builders.OWN and data_config.validation_images != default:
        raise UserError(
            f"--config.data.validation_images={data_config.validation_images}: is not used with data.name="
            f"{data_config.name}, a tenth of which or so is held out anyway; leave it out"
        )
    try:
        builder = builders.find_builder(data_config)
        builders.check_size(builder, data_config.image_size)
        if builders.is_prepared(builder):
            splits.parts(builder, data_config.validation_images)
        else:
            preparation.check_obtainable(builder)
    except builders.DamagedRecords:
        return ""  # `load` makes them anew
    return _left_out(builder)


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
    builder = builders.find_builder(own)
    if own.dir and not builders.is_prepared(builder) and builder.name not in builders.OWN:
        raise UserError(f"--config.data.dir={own.dir}: {own.name} is not there; name the folder that holds it")
    return load(own, prepare)


def _load(data_config: ConfigDict, prepare: bool) -> ImageData:
    from flowconv.data import builders, cache, leftovers, preparation, provenance, splits

    image_size = data_config.image_size
    folder = builders.cache_folder(data_config.cache_dir)
    if prepare:
        leftovers.remove(folder, lambda: leftovers.unfinished(folder))
    builder = builders.find_builder(data_config)
    builders.check_size(builder, image_size)
    there = builder.data_path.exists()
    if prepare and not builders.is_prepared(builder):
        if there and builder.name in builders.OWN:
            raise builders.damaged(builder, "dataset_info.json is missing")
        with leftovers.writing(folder) if builder.name in builders.OWN else contextlib.nullcontext():
            preparation.prepare(builder)
        builder = builders.find_builder(data_config)  # which knows its splits now
    if not builders.is_prepared(builder):
        raise UserError(f"--config.data.name={data_config.name}: not prepared in {builder.data_path}")

    parts = splits.parts(builder, data_config.validation_images)
    counts = {part.split: builder.info.splits[part.split].num_examples for part in parts.values()}
    entry = cache.entry(folder, builder, image_size)
    try:
        decoded = cache.read(entry, counts, image_size, prepare)
    except cache.Damaged as damage:
        if not prepare:
            raise UserError(
                f"--config.data.cache_dir={folder}: {data_config.name} has not been decoded there ({damage})"
            ) from damage
        if entry.exists():
            line = f"the decoded images in {entry} are damaged ({damage}); they are made anew"
            print(printable(line), file=sys.stderr)
            cache.discard(entry)
        cache.write(entry, builder, list(counts), image_size)
        decoded = cache.read(entry, counts, image_size, prepare)
    if prepare:
        leftovers.remove(folder, lambda: cache.superseded(entry, builder))
        if left_out := _left_out(builder):
            print(printable(f"--config.data.dir={builder.root}: {left_out}"), file=sys.stderr)
    return ImageData(
        name=provenance.shown_name(builder),
        version=str(builder.version),
        note=provenance.note(builder, image_size, decoded.enlarged),
        fingerprint=decoded.fingerprint,
        splits={name: part.of(decoded.pixels) for name, part in parts.items()},
    )


def _left_out(builder) -> str:
    """What of a folder isn't among its images, "" if nothing."""
    from flowconv.data import folder

    return folder.in_words(folder.listing(builder.root).left_out, "left out: ") if builder.name == "folder" else ""
