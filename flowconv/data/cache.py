"""Decoded images on disk, in a folder that is whole or absent.

Of each of a builder's splits it holds uint8 pixels [N, H, W, C], of one to four channels, and int32 labels [N] if there
are any. What of them is train, validation and test is a view on these. Ranks of one host map the same files, so they
share one copy in the page cache, and any image is read at random. What is read is what was written: its checksum is
taken whenever a file has changed, and once a day.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flowconv.data import leftovers
from flowconv.data.crop import Shape
from flowconv.data.dataset import Dataset
from flowconv.data.decoding import decode
from flowconv.errors import UserError
from flowconv.files import write_text
from flowconv.utils.progress_bar import progress

FACTS = "facts.json"
LABELS = "labels"  # of the facts: the checksum of all labels
CHECKED = "checked.json"  # sizes and dates of the files when their checksum was taken
CHECKED_FOR = 86_400  # seconds
CHUNK = 2**26  # bytes


class Damaged(Exception):
    """An entry that isn't there, or can't be used; its text says how."""


@dataclass(frozen=True)
class Decoded:
    """The contents of an entry, memory-mapped."""

    pixels: dict[str, np.ndarray]  # of each of the builder's splits, uint8 [N, H, W, C]
    labels: dict[str, np.ndarray]  # int32 [N]; none where images have no labels
    fingerprint: str  # of all pixels in order, 12 hexadecimal digits
    enlarged: int  # images that were smaller


def entry(cache: Path, dataset: Dataset, shape: Shape) -> Path:
    """The folder of decoded images: another for whatever makes other images of them.

    Prepared data count as other data when they lie elsewhere or differ in examples or bytes, because a subset of
    a data set may go by the same name and version.
    """
    builder = dataset.builder
    key = {
        "data": os.path.realpath(builder.data_path),
        "splits": {name: (split.num_examples, split.num_bytes) for name, split in builder.info.splits.items()},
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    size = "x".join(map(str, shape if shape[2] != 3 else shape[:2]))
    return cache / f"{builder.name}-{builder.version}-{size}-{digest[:16]}"


def read(entry: Path, counts: Mapping[str, int], shape: Shape, has_labels: bool, note_check: bool) -> Decoded:
    """The entry that holds so many images of each split.

    With `note_check`, keeps beside them that the checksums were right. Raises Damaged if it isn't what was written.
    """
    try:
        facts = json.loads((entry / FACTS).read_text(encoding="utf-8"))
        fingerprint, enlarged = facts["fingerprint"], facts["enlarged"]
        if has_labels and LABELS not in facts:
            raise Damaged("of a version that kept no labels")
        decoded = Decoded(
            {name: _array(entry / f"{name}.npy", np.uint8, (count, *shape)) for name, count in counts.items()},
            {name: _array(_labels(entry, name), np.int32, (count,)) for name, count in counts.items() if has_labels},
            fingerprint,
            enlarged,
        )
        _check(entry, decoded, facts, note_check)
    except OSError as error:
        raise Damaged(f"damaged ({error.strerror}: {error.filename})") from error
    except (ValueError, EOFError, KeyError, TypeError) as error:
        raise Damaged(f"damaged ({type(error).__name__}: {error})") from error
    leftovers.hold(entry / FACTS)
    return decoded


def _labels(entry: Path, split: str) -> Path:
    return entry / f"{split}.labels.npy"


def _array(path: Path, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    array = np.load(path, mmap_mode="r")
    if not isinstance(array, np.memmap) or array.dtype != dtype or array.shape != shape:
        raise ValueError(f"{path.name} holds no {np.dtype(dtype).name} {shape}")
    return array


def _check(entry: Path, decoded: Decoded, facts: Mapping[str, Any], note_check: bool) -> None:
    """Raises Damaged if pixels or labels have another checksum than when they were written; looks if it has to."""
    # The date of the last change of any kind, which nobody can set.
    files = sorted(path for path in entry.iterdir() if path.suffix == ".npy" or path.name == FACTS)
    found = {path.name: [path.stat().st_size, path.stat().st_ctime_ns] for path in files}
    stamp = entry / CHECKED
    with contextlib.suppress(OSError, ValueError):
        age = time.time() - stamp.stat().st_mtime
        if 0 <= age < CHECKED_FOR and json.loads(stamp.read_text(encoding="utf-8")) == found:
            return
    chunks = progress(list(_chunks(decoded.pixels)), None, f"checking {entry.name}", "chunks")
    for written, now in ((decoded.fingerprint, _digest(chunks)), (facts.get(LABELS), _digest(_chunks(decoded.labels)))):
        if written is not None and now != written:
            raise Damaged(f"damaged (their checksum is {now}, not {written})")
    if note_check:
        with contextlib.suppress(UserError):  # a cache that others keep
            write_text(stamp, json.dumps(found))


def _digest(chunks: Iterable[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()[:12]


def _chunks(arrays: Mapping[str, np.ndarray]) -> Iterator[np.ndarray]:
    for array in arrays.values():
        rows = max(1, CHUNK // array[0].nbytes)
        yield from (array[start : start + rows] for start in range(0, len(array), rows))


def write(entry: Path, dataset: Dataset, splits: list[str], shape: Shape) -> None:
    """Decodes splits of a prepared data set into an entry, image by image; several processes may do so at once.

    Raises UserError if the records can't be read, or the cache can't be written.
    """
    with leftovers.writing(entry.parent), tempfile.TemporaryDirectory(dir=entry.parent, prefix=".decoding-") as work:
        unfinished = Path(work, entry.name)
        unfinished.mkdir()
        digest, counts, labels = hashlib.sha256(), Counter(enlarged=0), {}
        for split in splits:
            count = dataset.split_counts[split]
            labels[split] = np.empty(count, np.int32)
            with open(unfinished / f"{split}.npy", "wb") as file:
                header = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
                np.lib.format.write_array_header_1_0(file, header)
                images = progress(decode(dataset, split, shape, counts), count, f"decoding {dataset.builder.name}")
                for number, (image, label) in enumerate(images):
                    file.write(image)
                    digest.update(image)
                    labels[split][number] = label
            if dataset.has_labels:
                np.save(_labels(unfinished, split), labels[split])
        facts = {"of": dataset.origin, "fingerprint": digest.hexdigest()[:12], **counts}
        if dataset.has_labels:
            facts[LABELS] = _digest(_chunks(labels))
        (unfinished / FACTS).write_text(json.dumps(facts), encoding="utf-8")
        _publish(unfinished, entry)


def _publish(unfinished: Path, entry: Path) -> None:
    """Renames a folder, in one stroke; does nothing if another process has published the same entry before."""
    try:
        unfinished.rename(entry)
    except OSError:
        if not entry.exists():
            raise


def superseded(entry: Path, dataset: Dataset) -> Iterator[Path]:
    """The entries, and the records of a folder, that are of the same source as this one, as it was before."""
    for other in entry.parent.glob(f"{entry.name.rpartition('-')[0]}-*"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            facts = json.loads((other / FACTS).read_text(encoding="utf-8"))
            if other != entry and facts["of"] == dataset.origin and not leftovers.is_held(other / FACTS):
                yield other
    if dataset.builder.name == "folder":
        records = Path(dataset.builder.data_dir_root)
        yield from (other for other in records.parent.iterdir() if other != records)


def discard(entry: Path) -> None:
    """Removes an entry, in one stroke as others see it."""
    with contextlib.suppress(OSError), tempfile.TemporaryDirectory(dir=entry.parent, prefix=".decoding-") as work:
        entry.rename(Path(work, entry.name))
    shutil.rmtree(entry, ignore_errors=True)  # what is no folder, or can't be renamed, stays in the way
