"""From a builder's records to pixels and labels."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from flowconv.data.builders import damaged
from flowconv.data.crop import Shape, crop_and_resize, image_of, pixels_of
from flowconv.data.dataset import LABEL, Dataset
from flowconv.data.tuning import untuned


def decode(dataset: Dataset, split: str, shape: Shape, counts: Counter[str]) -> Iterator[tuple[bytes, int]]:
    """The images of one of the builder's splits, in the order of its records.

    Args:
        dataset: prepared.
        split: its name.
        shape: of the images; `builders.check_shape` has agreed to it.
        counts: gets the number of images that are "enlarged" for it.

    Yields:
        Bytes of uint8 [height, width, channels], and the label, 0 where there are none.

    Raises:
        UserError: if the records can't be read; DamagedRecords if they are our own.
    """
    records = dataset.builder.as_dataset(
        split=split, read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False), shuffle_files=False
    )
    # In batches, because stepping from Python costs more than decoding a small image; only equal shapes batch.
    batch_size = 1 if None in dataset.native_shape else 256
    labelled, zero = dataset.has_labels, tf.zeros([], tf.int64)
    records = records.map(lambda example: (example["image"], example[LABEL] if labelled else zero))
    announced, count = dataset.split_counts[split], 0
    try:
        # Never asked for one batch too many, TensorFlow has no end of sequence to log.
        batches = islice(tfds.as_numpy(untuned(records.batch(batch_size))), -(-announced // batch_size))
        for image, label in ((image, label) for batch in batches for image, label in zip(*batch, strict=True)):
            if image.shape != shape:
                counts["enlarged"] += image.shape[0] < shape[0] or image.shape[1] < shape[1]
                repeated = np.broadcast_to(image, (*image.shape[:2], shape[2]))  # grey has one channel
                image = pixels_of(crop_and_resize(image_of(repeated), shape[:2]))
            yield image.tobytes(), int(label)
            count += 1
    except tf.errors.OpError as error:
        raise damaged(dataset, error.message) from error
    if count < announced:
        raise damaged(dataset, f"{split} ends after {count:,} examples")
