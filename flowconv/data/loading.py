"""From `config.data` to the three splits of a data set, decoded once per machine."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from ml_collections import ConfigDict

from flowconv.errors import UserError


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


def check(data_config: ConfigDict) -> None:
    """Refuses what `load` would refuse, as far as that can be told before anything is downloaded or decoded.

    Raises:
        UserError: as `load` does.
    """
    from flowconv.data import builders, preparation, splits

    builder = builders.find_builder(data_config)
    builders.check_size(builder, data_config.image_size)
    if builders.is_prepared(builder):
        splits.parts(builder, data_config.validation_images)
    else:
        preparation.check_obtainable(builder)


def load(data_config: ConfigDict, prepare: bool = True) -> ImageData:
    """The images of a data set; the first time, its records are prepared and decoded into the cache.

    Args:
        data_config: `config.data`; `name`, `dir`, `cache_dir`, `image_size` and `validation_images` are used.
        prepare: whether to prepare and decode what isn't there. Of the processes of a machine one should do so
            before the others load with False; if several do, nothing breaks.

    Raises:
        UserError: unknown data set or image size, data neither there nor to be had, a folder without
            readable images, too many validation images, a cache that can't be written; or, with `prepare`
            false, images that are not in the cache.
    """
    from flowconv.data import builders, cache, preparation, provenance, splits

    image_size = data_config.image_size
    builder = builders.find_builder(data_config)
    builders.check_size(builder, image_size)
    if prepare and not builders.is_prepared(builder):
        preparation.prepare(builder)
        builder = builders.find_builder(data_config)  # which knows its splits now
    if not builders.is_prepared(builder):
        raise UserError(f"--config.data.name={data_config.name}: not prepared in {builder.data_path}")

    parts = splits.parts(builder, data_config.validation_images)
    folder = builders.cache_folder(data_config.cache_dir)
    entry = cache.entry(folder, builder, parts, image_size)
    if prepare and not entry.exists():
        cache.write(entry, builder, parts, image_size)
    if not entry.exists():
        raise UserError(f"--config.data.cache_dir={folder}: {data_config.name} has not been decoded there")

    pixels, fingerprint = cache.read(entry)
    return ImageData(
        name=provenance.shown_name(builder),
        version=str(builder.version),
        note=provenance.note(builder, image_size),
        fingerprint=fingerprint,
        splits=pixels,
    )
