"""TensorFlow's tuning of data pipelines, and why there is none."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # takes seconds
    import tensorflow as tf


def untuned(dataset: "tf.data.Dataset") -> "tf.data.Dataset":
    """Returns a dataset whose parameters stay as they are written.

    By default a thread of each iterator tunes them, and sleeps in between, longer each time, up to a minute. Now and
    then TensorFlow 2.18 fails to wake it: an iterator waits for it at its end, and holds Python's lock. Of 30 that were
    read for 20 s three stood still at their end, for 20, 41 and 60 s; without the thread none.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
