"""From a builder's records to squares of pixels."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from flowconv.data.builders import damaged, native_size
from flowconv.data.square import square


def decode(builder: tfds.core.DatasetBuilder, split: str, image_size: int, counts: Counter[str]) -> Iterator[bytes]:
    """The images of one of a builder's splits, in the order of its records.

    Args:
        builder: prepared.
        split: its name.
        image_size: side of the squares.
        counts: gets the number of images that are "enlarged" for it.

    Yields:
        Bytes of uint8 [image_size, image_size, 3].

    Raises:
        UserError: if the records can't be read; DamagedRecords if they are our own.
    """
    dataset = builder.as_dataset(
        split=split, read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False), shuffle_files=False
    )
    # In batches, because stepping from Python costs more than decoding a small image; only equal shapes batch.
    batch_size = 1 if None in native_size(builder) else 256
    dataset = dataset.map(lambda example: example["image"]).batch(batch_size)
    announced, count = builder.info.splits[split].num_examples, 0
    try:
        # Never asked for one batch too many, TensorFlow has no end of sequence to log.
        for batch in islice(tfds.as_numpy(dataset), -(-announced // batch_size)):
            for image in batch:
                if image.shape != (image_size, image_size, 3):
                    counts["enlarged"] += min(image.shape[:2]) < image_size
                    rgb = np.broadcast_to(image, (*image.shape[:2], 3))  # grey has one channel
                    image = np.asarray(square(Image.fromarray(rgb), image_size))
                yield image.tobytes()
                count += 1
    except tf.errors.OpError as error:
        raise damaged(builder, error.message) from error
    if count < announced:
        raise damaged(builder, f"{split} ends after {count:,} examples")
