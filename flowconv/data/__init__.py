"""Images for training and evaluation: data sets in, batches out.

`load` gives the three splits of a data set as memory-mapped arrays of images and labels; `training_batches` and
`evaluation_batches` turn such arrays into one rank's `tf.data.Dataset` of dicts.
"""

from flowconv.data.batches import evaluation_batches, first_of, training_batches
from flowconv.data.classes import check_classes, with_classes
from flowconv.data.image_files import list_anew
from flowconv.data.loading import ImageData, check, load, load_for_use

__all__ = [
    "ImageData",
    "check",
    "check_classes",
    "evaluation_batches",
    "first_of",
    "list_anew",
    "load",
    "load_for_use",
    "training_batches",
    "with_classes",
]
