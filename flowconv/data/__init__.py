"""Images for training and evaluation: tensorflow_datasets builders in, uint8 batches out.

`load` gives the three splits of a data set as memory-mapped arrays; `training_batches` and
`evaluation_batches` turn such an array into one rank's `tf.data.Dataset`.
"""

from flowconv.data.loading import ImageData, check, load, load_for_use
from flowconv.data.pipeline import evaluation_batches, training_batches

__all__ = ["ImageData", "check", "evaluation_batches", "load", "load_for_use", "training_batches"]
