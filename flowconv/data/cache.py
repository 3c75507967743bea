"""Decoded images on disk: a uint8 array [N, H, W, 3] per split of a builder, in a folder that is whole or absent.

Ranks of one host map the same files, so they share one copy in the page cache, and any image is read at random. What is
read is what was written: its checksum is taken whenever a file has changed, and once a day.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from flowconv.data import leftovers
from flowconv.data.decoding import decode
from flowconv.data.progress import progress
from flowconv.errors import UserError
from flowconv.files import write_text

FACTS = "facts.json"
CHECKED = "checked.json"  # sizes and dates of the files when their checksum was taken
CHECKED_FOR = 86_400  # seconds
CHUNK = 2**26  # bytes


class Damaged(Exception):
    """An entry that isn't there, or isn't what was written; its text says how."""


@dataclass(frozen=True)
class Decoded:
    """The contents of an entry."""

    pixels: dict[str, np.ndarray]  # of each of the builder's splits, memory-mapped
    fingerprint: str  # of all pixels in order, 12 hexadecimal digits
    enlarged: int  # images that were smaller


def entry(cache: Path, builder: tfds.core.DatasetBuilder, image_size: int) -> Path:
    """The folder of decoded images: another for whatever makes other images of them.

    Prepared data count as other data when they lie elsewhere or differ in examples or bytes, because a subset of
    a data set may go by the same name and version.
    """
    key = {
        "data": os.path.realpath(builder.data_path),
        "splits": {name: (split.num_examples, split.num_bytes) for name, split in builder.info.splits.items()},
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return cache / f"{builder.name}-{builder.version}-{image_size}x{image_size}-{digest[:16]}"


def read(entry: Path, counts: Mapping[str, int], image_size: int, note_check: bool) -> Decoded:
    """The entry that holds so many images of each split.

    With `note_check`, keeps beside them that their checksum was right. Raises Damaged if they aren't what was written.
    """
    try:
        facts = json.loads((entry / FACTS).read_text(encoding="utf-8"))
        decoded = Decoded(
            {name: _array(entry / f"{name}.npy", (count, image_size, image_size, 3)) for name, count in counts.items()},
            facts["fingerprint"],
            facts["enlarged"],
        )
    except OSError as error:
        raise Damaged(f"{error.strerror}: {error.filename}") from error
    except (ValueError, EOFError, KeyError, TypeError) as error:
        raise Damaged(f"{type(error).__name__}: {error}") from error
    _check(entry, decoded, note_check)
    leftovers.hold(entry / FACTS)
    return decoded


def _array(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    array = np.load(path, mmap_mode="r")
    if not isinstance(array, np.memmap) or array.dtype != np.uint8 or array.shape != shape:
        raise ValueError(f"{path.name} holds no uint8 {shape}")
    return array


def _check(entry: Path, decoded: Decoded, note_check: bool) -> None:
    """Raises Damaged if the pixels have another fingerprint than when they were written; looks if it has to."""
    # The date of the last change of any kind, which nobody can set.
    files = sorted(path for path in entry.iterdir() if path.suffix == ".npy" or path.name == FACTS)
    found = {path.name: [path.stat().st_size, path.stat().st_ctime_ns] for path in files}
    stamp = entry / CHECKED
    with contextlib.suppress(OSError, ValueError):
        age = time.time() - stamp.stat().st_mtime
        if 0 <= age < CHECKED_FOR and json.loads(stamp.read_text(encoding="utf-8")) == found:
            return
    digest = hashlib.sha256()
    for chunk in progress(list(_chunks(decoded)), None, f"checking {entry.name}", "chunks"):
        digest.update(chunk)
    if digest.hexdigest()[:12] != decoded.fingerprint:
        raise Damaged(f"their checksum is {digest.hexdigest()[:12]}, not {decoded.fingerprint}")
    if note_check:
        with contextlib.suppress(UserError):  # a cache that others keep
            write_text(stamp, json.dumps(found))


def _chunks(decoded: Decoded) -> Iterator[np.ndarray]:
    for pixels in decoded.pixels.values():
        images = max(1, CHUNK // pixels[0].size)
        yield from (pixels[start : start + images] for start in range(0, len(pixels), images))


def write(entry: Path, builder: tfds.core.DatasetBuilder, splits: list[str], image_size: int) -> None:
    """Decodes splits of a prepared builder into an entry, image by image; several processes may do so at once.

    Raises UserError if the records can't be read, or the cache can't be written.
    """
    with leftovers.writing(entry.parent), tempfile.TemporaryDirectory(dir=entry.parent, prefix=".decoding-") as work:
        unfinished = Path(work, entry.name)
        unfinished.mkdir()
        digest, counts = hashlib.sha256(), Counter(enlarged=0)
        for split in splits:
            count = builder.info.splits[split].num_examples
            with open(unfinished / f"{split}.npy", "wb") as file:
                header = {"descr": "|u1", "fortran_order": False, "shape": (count, image_size, image_size, 3)}
                np.lib.format.write_array_header_1_0(file, header)
                images = decode(builder, split, image_size, counts)
                for image in progress(images, count, f"decoding {builder.name}"):
                    file.write(image)
                    digest.update(image)
        facts = {"of": source(builder), "fingerprint": digest.hexdigest()[:12], **counts}
        (unfinished / FACTS).write_text(json.dumps(facts), encoding="utf-8")
        _publish(unfinished, entry)


def _publish(unfinished: Path, entry: Path) -> None:
    """Renames a folder, in one stroke; does nothing if another process has published the same entry before."""
    try:
        unfinished.rename(entry)
    except OSError:
        if not entry.exists():
            raise


def source(builder: tfds.core.DatasetBuilder) -> str:
    """Where the images are from: of two entries with the same source the older one is of data that are no more."""
    if builder.name == "folder":
        return f"{builder.root}{' in patches' if builder.patches else ''}"
    return os.path.realpath(builder.data_path)


def superseded(entry: Path, builder: tfds.core.DatasetBuilder) -> Iterator[Path]:
    """The entries, and the records of a folder, that are of the same source as this one, as it was before."""
    for other in entry.parent.glob(f"{entry.name.rpartition('-')[0]}-*"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            facts = json.loads((other / FACTS).read_text(encoding="utf-8"))
            if other != entry and facts["of"] == source(builder) and not leftovers.is_held(other / FACTS):
                yield other
    if builder.name == "folder":
        records = Path(builder.data_dir_root)
        yield from (other for other in records.parent.iterdir() if other != records)


def discard(entry: Path) -> None:
    """Removes an entry, in one stroke as others see it."""
    with contextlib.suppress(OSError), tempfile.TemporaryDirectory(dir=entry.parent, prefix=".decoding-") as work:
        entry.rename(Path(work, entry.name))
    shutil.rmtree(entry, ignore_errors=True)  # what is no folder, or can't be renamed, stays in the way
