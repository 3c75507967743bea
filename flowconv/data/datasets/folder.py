"""One's own images, in any common format, anywhere below one folder."""

import bisect
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from flowconv.config import image_shape
from flowconv.data.crop import Shape, crop_and_resize, patches, pixels_of
from flowconv.data.dataset import LABEL, Dataset, resized
from flowconv.data.image_files import SUFFIXES, Classes, digest, in_words, listing
from flowconv.data.reading import Unreadable, read
from flowconv.errors import UserError
from flowconv.utils.progress_bar import progress
from flowconv.words import counted

CHANNELS = "1, 3 or 4"  # that TensorFlow decodes


class _Records(tfds.core.GeneratorBasedBuilder):
    """Reads the images: 80 % of them for training, 10 % each to validate and to test.

    Each image is cropped and resized, or cut into patches, which then belong to one split together. How many are
    enlarged for it, and how many of the results are grey, is kept in the metadata.

    Args:
      root: the folder.
      paths: of the images, relative to it.
      classes: of the images.
      shape: of the results.
      patches: whether images are cut.
    """

    name = "folder"
    VERSION = tfds.core.Version("2.0.0")
    RELEASE_NOTES = {"2.0.0": "an image's split depends on its own name alone, no longer on how many others there are"}

    def __init__(self, *, root: str, paths: Sequence[str], classes: Classes, shape: Shape, patches: bool, **kwargs):
        self.root = root
        self.paths = paths
        self.classes = classes
        self.shape = shape
        self.patches = patches
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        features = {"image": tfds.features.Image(shape=self.shape, encoding_format="png")}
        if self.classes.names:  # kept by number: tfds would write names to a file, and some are no text
            features[LABEL] = tfds.features.ClassLabel(num_classes=len(self.classes.names))
        features = tfds.features.FeaturesDict(features)
        return tfds.core.DatasetInfo(builder=self, features=features, metadata=tfds.core.MetadataDict())

    def _split_generators(self, dl_manager):
        del dl_manager  # nothing to download
        return {split: self._generate_examples(paths) for split, paths in split(self.paths).items()}

    def _generate_examples(self, paths: Sequence[str]):
        height, width, channels = self.shape
        for path in progress(paths, len(paths), f"reading {self.root}"):
            try:
                image = read(Path(self.root, path), channels)
            except Unreadable as error:
                raise UserError(self._complaint()) from error
            self._count("enlarged", image.height < height or image.width < width)
            label = {LABEL: self.classes.label(path)} if self.classes.names else {}
            for number, part in enumerate(patches(image, (height, width)) if self.patches else [image]):
                pixels = pixels_of(crop_and_resize(part, (height, width)))
                self._count("grey", channels > 2 and np.all(pixels[..., :3] == pixels[..., :1]))
                yield f"{digest(path)} {number}", {"image": pixels, **label}

    def _count(self, name: str, one: bool) -> None:
        self.info.metadata[name] = self.info.metadata.get(name, 0) + int(one)

    def _complaint(self) -> str:
        """Names the first unreadable file, and why, and says how many there are; reads every file for it."""
        bad = {path: reason for path in self.paths if (reason := unreadable(Path(self.root, path)))}
        first, reason = next(iter(bad.items()))
        complaint = f"{len(bad):,} of its images can't be read, the first is {first!r} ({reason})"
        return f"--config.data.dir={self.root}: {complaint}"


class Folder(Dataset):
    """One's own images; sub-folders are their classes."""

    source = _Records

    @classmethod
    def build(cls, data_config, variant, version, data_dir):
        """Returns the builder for the images of a folder as they are now.

        Its records are kept elsewhere as soon as a file's name, size or date changes. Sub-folders are searched, but
        links to folders are not followed and hidden files are left out.

        Raises UserError when it is no folder or holds fewer than the three images that three splits need.
        """
        root, shape, patches = data_config.dir, image_shape(data_config), data_config.patches
        if not root:
            raise UserError("--config.data.name=folder needs the folder of images: --config.data.dir=PATH")
        if str(shape[2]) not in CHANNELS:
            raise UserError(f"--config.data.channels={shape[2]}: folder makes images of {CHANNELS} channels")
        top = os.path.abspath(os.path.expanduser(root))
        if not os.path.isdir(top):
            raise UserError(f"--config.data.dir={root} is not a folder; name the one that holds the images")
        try:
            paths, fingerprint, left_out, classes = listing(top)
        except OSError as error:
            raise UserError(
                f"--config.data.dir={root} can't be listed: {error.strerror}: {error.filename!r}"
            ) from error
        if len(paths) < 3:
            raise UserError(
                f"--config.data.dir={root} holds {counted(len(paths), 'image')}; one each to train, validate and test "
                f"are needed ({', '.join(suffix[1:] for suffix in SUFFIXES)}{in_words(left_out, '; left out: ')})"
            )
        size = "x".join(map(str, shape if shape[2] != 3 else shape[:2]))
        copies = f"{digest(top)[:16]}-{size}{'-patches' if patches else ''}"
        copy = f"{fingerprint[:16]}{'-labels' if classes.names else ''}"
        return _Records(
            root=top, paths=paths, classes=classes, shape=shape, patches=patches, data_dir=data_dir / copies / copy
        )

    @property
    def origin(self):
        """The folder, and whether it is cut into patches."""
        return f"{self.builder.root}{' in patches' if self.builder.patches else ''}"

    @property
    def shown_name(self):
        """The name of the folder."""
        return f"folder/{os.fsencode(Path(self.builder.root).name).decode(errors='replace')}"

    @property
    def class_names(self):
        """The names of the sub-folders that are classes."""
        return tuple(os.fsencode(name).decode(errors="replace") for name in self.builder.classes.names)

    def notes(self, shape, enlarged):
        """As of every data set; what is counted stands in the metadata, since records have the final shape."""
        metadata = self.builder.info.metadata
        notes = ["cut into patches" if self.builder.patches else resized(shape)]
        if grey := metadata.get("grey", 0):
            notes.append(f"of grey images, repeated to three channels: {grey:,}")
        if enlarged := metadata.get("enlarged", 0):
            notes.append(f"of images that were enlarged, which lowers bits/dim: {enlarged:,}")
        return notes

    def left_out(self):
        """Returns the line about files that are no images."""
        return in_words(listing(self.builder.root).left_out, "left out: ")


def split(paths: Sequence[str]) -> dict[str, list[str]]:
    """Three or more paths into train, validation and test: 80, 10 and 10 %, at least one each.

    A path's place is its hash, from 0 to 1: below 0.1 it belongs to test, below 0.2 to validation. So a file stays in
    its split whatever else is added. Only where that leaves a split empty, the borders move by the one file it needs.
    """
    ordered = sorted(paths, key=digest)
    first, second = (bisect.bisect_left(ordered, border, key=place) for border in (0.1, 0.2))
    first = min(max(first, 1), len(ordered) - 2)
    second = min(max(second, first + 1), len(ordered) - 1)
    return {"train": ordered[second:], "validation": ordered[first:second], "test": ordered[:first]}


def place(path: str) -> float:
    """A path's hash as a number in [0, 1)."""
    return int(digest(path)[:13], 16) / 16**13


def unreadable(path: Path) -> str:
    """Why `read` fails, or "" if it doesn't."""
    try:
        read(path)
    except Unreadable as error:
        return str(error)
    return ""
