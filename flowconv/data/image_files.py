"""The image files below a folder."""

import functools
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from flowconv.utils.progress_bar import progress

SUFFIXES = (  # of formats that hold pictures, rather than plots, films or measurements
    *(".apng", ".avif", ".avifs", ".bmp", ".bw", ".dib", ".gif", ".icb", ".ico", ".j2c", ".j2k", ".jfif", ".jp2"),
    *(".jpc", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".mpo", ".pbm", ".pcx", ".pgm", ".png", ".pnm", ".ppm", ".psd"),
    *(".qoi", ".ras", ".rgb", ".rgba", ".sgi", ".tga", ".tif", ".tiff", ".vda", ".vst", ".webp"),
)
SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing"}  # names of folders that are no classes


class Listing(NamedTuple):
    """The contents of a folder."""

    paths: list[str]  # of the image files, in order, relative to the folder
    fingerprint: str  # of their names, sizes and dates
    left_out: Counter[str]  # how many files and links were, by kind
    classes: "Classes"  # that its sub-folders are


class Classes(NamedTuple):
    """The classes of a folder's images: the names of the sub-folders that they lie in."""

    names: tuple[str, ...] = ()  # in order; none where sub-folders are no classes
    depth: int = 0  # of the sub-folders: 1 if those above them are called "train", "test" and the like

    def label(self, path: str) -> int:
        """Returns the number of the class of an image."""
        return self.names.index(path.split(os.sep)[self.depth])


@functools.cache
def listing(top: str) -> Listing:
    """The image files below `top`.

    Looks once, until `list_anew`. Files are taken one by one as the system lists them: of a million, only the names
    are kept. Raises OSError.
    """
    paths, total, prefix = [], 0, len(os.path.join(top, ""))
    left_out: Counter[str] = Counter()
    for entry in progress(image_files(top, left_out), None, f"listing {top}"):
        path, status = entry.path[prefix:], entry.stat()
        paths.append(path)
        total += int(digest(f"{path!r} {status.st_size} {status.st_mtime_ns}"), 16)  # in whatever order they come
    return Listing(sorted(paths), digest(str(total)), left_out, classes_of(paths))


def list_anew() -> None:
    """Has `listing` look again, for a process that trains twice: images may have come between."""
    listing.cache_clear()


def classes_of(paths: Iterable[str]) -> Classes:
    """Returns the classes of images by their paths: two or more sub-folders, in one of which each image lies.

    They are the first sub-folders; or the second ones, where all of the first are called by names of splits.
    """
    for depth in (0, 1):
        names = set()
        for path in paths:
            parts = path.split(os.sep, depth + 1)
            if len(parts) < depth + 2:
                return Classes()
            names.add(parts[depth])
        if depth == 1 or not {name.lower() for name in names} <= SPLITS:
            break
    return Classes(tuple(sorted(names)), depth) if len(names) > 1 else Classes()


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
    kinds = [
        f"{count:,} {kind.replace('links', 'link') if count == 1 else kind}" for kind, count in left_out.most_common(8)
    ]
    more = left_out.total() - sum(count for _, count in left_out.most_common(8))
    return prefix + ", ".join(kinds + ([f"{more:,} others"] if more else [])) if kinds else ""


def digest(text: str) -> str:
    """SHA-256 in hexadecimal; file names that aren't valid UTF-8 are welcome."""
    return hashlib.sha256(os.fsencode(text)).hexdigest()
