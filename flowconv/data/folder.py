"""`folder`: one's own images, in any common format, anywhere below one folder."""

import bisect
import functools
import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from flowconv.data.progress import progress
from flowconv.data.reading import Unreadable, read
from flowconv.data.square import patches, square
from flowconv.errors import UserError
from flowconv.words import counted

SUFFIXES = (  # of formats that hold pictures, rather than plots, films or measurements
    *(".apng", ".avif", ".avifs", ".bmp", ".bw", ".dib", ".gif", ".icb", ".ico", ".j2c", ".j2k", ".jfif", ".jp2"),
    *(".jpc", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".mpo", ".pbm", ".pcx", ".pgm", ".png", ".pnm", ".ppm", ".psd"),
    *(".qoi", ".ras", ".rgb", ".rgba", ".sgi", ".tga", ".tif", ".tiff", ".vda", ".vst", ".webp"),
)


class Folder(tfds.core.GeneratorBasedBuilder):
    """The images of a folder as square uint8 RGB, 80 % of them for training, 10 % each to validate and to test.

    Each image is cropped and resized, or cut into patches, which then belong to one split together. How many are
    enlarged for it, and how many squares are grey, is kept in the metadata.
    """

    VERSION = tfds.core.Version("2.0.0")
    RELEASE_NOTES = {"2.0.0": "an image's split depends on its own name alone, no longer on how many others there are"}

    def __init__(self, *, root: str, paths: Sequence[str], image_size: int, patches: bool, **kwargs):
        """`paths` are relative to `root`; a square gets `image_size` pixels a side."""
        self.root = root
        self.paths = paths
        self.image_size = image_size
        self.patches = patches
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        image = tfds.features.Image(shape=(self.image_size, self.image_size, 3), encoding_format="png")
        features = tfds.features.FeaturesDict({"image": image})
        return tfds.core.DatasetInfo(builder=self, features=features, metadata=tfds.core.MetadataDict())

    def _split_generators(self, dl_manager):
        del dl_manager  # nothing to download
        return {split: self._generate_examples(paths) for split, paths in split(self.paths).items()}

    def _generate_examples(self, paths: Sequence[str]):
        for path in progress(paths, len(paths), f"reading {self.root}"):
            try:
                image = read(Path(self.root, path))
            except Unreadable as error:
                raise UserError(self._complaint()) from error
            self._count("enlarged", min(image.size) < self.image_size)
            for number, part in enumerate(patches(image, self.image_size) if self.patches else [image]):
                pixels = np.asarray(square(part, self.image_size))
                self._count("grey", np.all(pixels == pixels[..., :1]))
                yield f"{digest(path)} {number}", {"image": pixels}

    def _count(self, name: str, one: bool) -> None:
        self.info.metadata[name] = self.info.metadata.get(name, 0) + int(one)

    def _complaint(self) -> str:
        """Names the first unreadable file, and why, and says how many there are; reads every file for it."""
        bad = {path: reason for path in self.paths if (reason := unreadable(Path(self.root, path)))}
        first, reason = next(iter(bad.items()))
        complaint = f"{len(bad):,} of its images can't be read, the first is {first!r} ({reason})"
        return f"--config.data.dir={self.root}: {complaint}"


def folder_builder(root: str, image_size: int, patches: bool, data_dir: Path) -> Folder:
    """The builder for the images below `root` as they are now.

    Its records are kept below `data_dir`, elsewhere as soon as a file's name, size or date changes.
    Sub-folders are searched, but links to folders are not followed and hidden files are left out.
    Raises UserError when `root` is no folder or holds fewer than the three images that three splits need.
    """
    if not root:
        raise UserError("--config.data.name=folder needs the folder of images: --config.data.dir=PATH")
    top = os.path.abspath(os.path.expanduser(root))
    if not os.path.isdir(top):
        raise UserError(f"--config.data.dir={root} is not a folder; name the one that holds the images")
    try:
        paths, fingerprint, left_out = listing(top)
    except OSError as error:
        raise UserError(f"--config.data.dir={root} can't be listed: {error.strerror}: {error.filename!r}") from error
    if len(paths) < 3:
        raise UserError(
            f"--config.data.dir={root} holds {counted(len(paths), 'image')}; one each to train, validate and test "
            f"are needed ({', '.join(suffix[1:] for suffix in SUFFIXES)}{in_words(left_out, '; left out: ')})"
        )
    copies = f"{digest(top)[:16]}-{image_size}x{image_size}{'-patches' if patches else ''}"
    return Folder(
        root=top, paths=paths, image_size=image_size, patches=patches, data_dir=data_dir / copies / fingerprint[:16]
    )


class Listing(NamedTuple):
    """The contents of a folder."""

    paths: list[str]  # of the image files, in order, relative to the folder
    fingerprint: str  # of their names, sizes and dates
    left_out: Counter[str]  # how many files and links were, by kind


@functools.cache
def listing(top: str) -> Listing:
    """The image files below `top`.

    Looks once in a process' life. Files are taken one by one as the system lists them: of a million, only the names
    are kept. Raises OSError.
    """
    paths, total, prefix, left_out = [], 0, len(os.path.join(top, "")), Counter()
    for entry in progress(image_files(top, left_out), None, f"listing {top}"):
        path, status = entry.path[prefix:], entry.stat()
        paths.append(path)
        total += int(digest(f"{path!r} {status.st_size} {status.st_mtime_ns}"), 16)  # in whatever order they come
    return Listing(sorted(paths), digest(str(total)), left_out)


def image_files(folder: str, left_out: Counter[str]) -> Iterator[os.DirEntry]:
    """The image files below a folder, by their suffixes, as they are found; counts what is no such file."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                left_out["hidden"] += 1
            elif entry.is_dir(follow_symlinks=False):
                yield from image_files(entry.path, left_out)
            elif entry.is_dir():
                left_out["links to folders"] += 1
            elif not entry.is_file():
                left_out["broken links" if entry.is_symlink() else "no files"] += 1
            elif entry.name.lower().endswith(SUFFIXES):
                yield entry
            else:
                suffix = os.path.splitext(entry.name)[1].lower()
                left_out[suffix if suffix[1:].isalnum() else "of no suffix"] += 1


def in_words(left_out: Counter[str], prefix: str) -> str:
    """Returns "3 links to folders, 2 .txt" after a prefix, the most frequent first; "" if nothing was left out."""
    kinds = [f"{count:,} {kind}" for kind, count in left_out.most_common(8)]
    more = left_out.total() - sum(count for _, count in left_out.most_common(8))
    return prefix + ", ".join(kinds + ([f"{more:,} others"] if more else [])) if kinds else ""


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


def digest(text: str) -> str:
    """SHA-256 in hexadecimal; file names that aren't valid UTF-8 are welcome."""
    return hashlib.sha256(os.fsencode(text)).hexdigest()
