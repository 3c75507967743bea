"""Decoded images on disk: a uint8 array [N, H, W, 3] per split, in a folder that is either whole or absent.

Ranks of one host map the same files, so they share one copy in the page cache, and any image is read at random.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from flowconv.data.builders import native_size
from flowconv.data.progress import progress
from flowconv.data.splits import Part
from flowconv.data.square import square
from flowconv.errors import UserError

FINGERPRINT = "fingerprint.txt"


def entry(cache: Path, builder: tfds.core.DatasetBuilder, parts: Mapping[str, Part], image_size: int) -> Path:
    """The folder of decoded images: another for whatever makes other images of them.

    Prepared data count as other data when they lie elsewhere or differ in examples or bytes, because a subset of
    a data set may go by the same name and version.
    """
    key = {
        "data": os.path.realpath(builder.data_path),
        "splits": {name: (split.num_examples, split.num_bytes) for name, split in builder.info.splits.items()},
        "parts": {name: (part.split, part.first, part.end) for name, part in parts.items()},
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return cache / f"{builder.name}-{builder.version}-{image_size}x{image_size}-{digest[:16]}"


def read(entry: Path) -> tuple[dict[str, np.ndarray], str]:
    """The memory-mapped splits of an entry, and the fingerprint of their pixels."""
    splits = {name: np.load(entry / f"{name}.npy", mmap_mode="r") for name in ("train", "validation", "test")}
    return splits, (entry / FINGERPRINT).read_text(encoding="utf-8")


def write(entry: Path, builder: tfds.core.DatasetBuilder, parts: Mapping[str, Part], image_size: int) -> None:
    """Decodes the parts of a prepared builder into an entry, image by image; several processes may do so at once.

    Raises UserError if the records can't be read, or the cache can't be written.
    """
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=entry.parent, prefix=".decoding-") as work:
            unfinished = Path(work, entry.name)
            unfinished.mkdir()
            fingerprint = hashlib.sha256()
            for name, part in parts.items():
                with open(unfinished / f"{name}.npy", "wb") as file:
                    header = {"descr": "|u1", "fortran_order": False, "shape": (len(part), image_size, image_size, 3)}
                    np.lib.format.write_array_header_1_0(file, header)
                    for image in progress(_images(builder, part, image_size), len(part), f"decoding {builder.name}"):
                        file.write(image)
                        fingerprint.update(image)
            (unfinished / FINGERPRINT).write_text(fingerprint.hexdigest()[:12], encoding="utf-8")
            _publish(unfinished, entry)
    except OSError as error:
        raise UserError(
            f"--config.data.cache_dir={entry.parent}: can't be written ({error.strerror or error}); "
            "name a folder on a disk with room"
        ) from error


def _publish(unfinished: Path, entry: Path) -> None:
    """Renames a folder, in one stroke; does nothing if another process has published the same entry before."""
    try:
        unfinished.rename(entry)
    except OSError:
        if not entry.exists():
            raise


def _images(builder: tfds.core.DatasetBuilder, part: Part, image_size: int) -> Iterator[bytes]:
    """The images of a part in the order of its records: bytes of uint8 [image_size, image_size, 3]."""
    dataset = builder.as_dataset(
        split=tfds.core.ReadInstruction(part.split, from_=part.first, to=part.end, unit="abs"),
        read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
        shuffle_files=False,
    )
    # In batches, because stepping from Python costs more than decoding a small image; only equal shapes batch.
    batch_size = 1 if None in native_size(builder) else 256
    dataset = dataset.map(lambda example: example["image"]).batch(batch_size)
    count = 0
    try:
        # Never asked for one batch too many, TensorFlow has no end of sequence to log.
        for batch in islice(tfds.as_numpy(dataset), -(-len(part) // batch_size)):
            for image in batch:
                if image.shape != (image_size, image_size, 3):
                    rgb = np.broadcast_to(image, (*image.shape[:2], 3))  # grey has one channel
                    image = np.asarray(square(Image.fromarray(rgb), image_size))
                yield image.tobytes()
                count += 1
    except tf.errors.OpError as error:
        raise UserError(_damaged(builder, " ".join(error.message.split()))) from error
    if count < len(part):
        raise UserError(_damaged(builder, f"{part.split} ends after {part.first + count:,} examples"))


def _damaged(builder: tfds.core.DatasetBuilder, reason: str) -> str:
    return (
        f"--config.data.name={builder.name}: the data in {builder.data_path} are damaged, prepare them again: {reason}"
    )
