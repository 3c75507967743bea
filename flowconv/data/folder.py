"""`folder`: one's own images, in any common format, anywhere below one folder."""

import functools
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image, ImageOps

from flowconv.data.progress import progress
from flowconv.data.square import patches, square, to_rgb
from flowconv.errors import UserError

SUFFIXES = (".avif", ".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


class Folder(tfds.core.GeneratorBasedBuilder):
    """The images of a folder as square uint8 RGB, 80 % of them for training, 10 % each to validate and to test.

    Each image is cropped and resized, or cut into patches, which then belong to one split together.
    """

    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, *, root: str, paths: Sequence[str], image_size: int, patches: bool, **kwargs):
        """`paths` are relative to `root`; a square gets `image_size` pixels a side."""
        self.root = root
        self.paths = paths
        self.image_size = image_size
        self.patches = patches
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        image = tfds.features.Image(shape=(self.image_size, self.image_size, 3), encoding_format="png")
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict({"image": image}))

    def _split_generators(self, dl_manager):
        del dl_manager  # nothing to download
        return {split: self._generate_examples(paths) for split, paths in split(self.paths).items()}

    def _generate_examples(self, paths: Sequence[str]):
        for path in progress(paths, len(paths), f"reading {self.root}"):
            try:
                image = read(Path(self.root, path))
            except Unreadable as error:
                raise UserError(self._complaint()) from error
            for number, part in enumerate(patches(image, self.image_size) if self.patches else [image]):
                yield f"{digest(path)} {number}", {"image": np.asarray(square(part, self.image_size))}

    def _complaint(self) -> str:
        """Names the first unreadable file and says how many there are; reads every file for it."""
        bad = [path for path in self.paths if not is_readable(Path(self.root, path))]
        return f"--config.data.dir={self.root}: {len(bad):,} of its images can't be read, the first is {bad[0]!r}"


class Unreadable(Exception):
    """A file that is no image, or a broken one."""


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
        paths, fingerprint = listing(top)
    except OSError as error:
        raise UserError(f"--config.data.dir={root} can't be listed: {error.strerror}: {error.filename!r}") from error
    if len(paths) < 3:
        raise UserError(
            f"--config.data.dir={root} holds {len(paths)} images; one each to train, validate and test "
            f"are needed ({', '.join(suffix[1:] for suffix in SUFFIXES)})"
        )
    return Folder(
        root=top,
        paths=paths,
        image_size=image_size,
        patches=patches,
        data_dir=data_dir / f"{fingerprint[:16]}-{image_size}x{image_size}{'-patches' if patches else ''}",
    )


@functools.cache
def listing(top: str) -> tuple[list[str], str]:
    """The image files below `top`, in order and relative to it, and a fingerprint of names, sizes and dates.

    Looks once in a process' life. Files are taken one by one as the system lists them: of a million, only the names
    are kept. Raises OSError.
    """
    paths, total, prefix = [], 0, len(os.path.join(top, ""))
    for entry in progress(image_files(top), None, f"listing {top}"):
        path, status = entry.path[prefix:], entry.stat()
        paths.append(path)
        total += int(digest(f"{path!r} {status.st_size} {status.st_mtime_ns}"), 16)  # in whatever order they come
    return sorted(paths), digest(str(total))


def image_files(folder: str) -> Iterator[os.DirEntry]:
    """The image files below a folder, by their suffixes, as they are found."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from image_files(entry.path)
            elif entry.name.lower().endswith(SUFFIXES) and entry.is_file():
                yield entry


def split(paths: Sequence[str]) -> dict[str, list[str]]:
    """Three or more paths, ordered by their hashes, into train, validation and test: 80, 10 and 10 %, at least one."""
    shuffled = sorted(paths, key=digest)
    tenth = max(1, len(paths) // 10)
    return {
        "train": shuffled[2 * tenth :],
        "validation": shuffled[tenth : 2 * tenth],
        "test": shuffled[:tenth],
    }


def read(path: Path) -> Image.Image:
    """The image in a file, turned as its EXIF orientation says, in 8-bit RGB; an animation's first picture.

    Raises Unreadable for whatever can't be decoded.
    """
    try:
        with Image.open(path) as image:
            return to_rgb(ImageOps.exif_transpose(image))
    except Exception as error:  # Pillow's decoders raise nearly every built-in exception on broken files
        raise Unreadable(path) from error


def is_readable(path: Path) -> bool:
    """Whether `read` succeeds."""
    try:
        read(path)
    except Unreadable:
        return False
    return True


def digest(text: str) -> str:
    """SHA-256 in hexadecimal; file names that aren't valid UTF-8 are welcome."""
    return hashlib.sha256(os.fsencode(text)).hexdigest()
