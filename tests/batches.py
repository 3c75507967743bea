"""Batches, as a training step takes them."""

import tensorflow as tf


def batch_of(images, first=0, **more):
    """The batch of these images, of which the first one has this position, with whatever else an image has."""
    batch = {"image": images, **more}
    return {name: tf.convert_to_tensor(value) for name, value in batch.items()} | {
        "position": tf.constant(first, tf.int64)
    }


def specs_of(batch):
    """The shapes and types of a batch."""
    return tf.nest.map_structure(tf.TensorSpec.from_tensor, batch)
