"""The channels in reverse order."""

import numpy as np
import tensorflow as tf

from flowconv.bijectors.reshape.permutation import Permutation


class Reverse(Permutation):
    """y_c = x_{C+1−c} (Dinh et al. 2017): what a coupling left as it was, the next one changes.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.bijectors import Reverse
      >>> Reverse().forward(tf.reshape([1.0, 2.0, 3.0], [1, 1, 1, 3])).numpy().ravel().tolist()
      [3.0, 2.0, 1.0]
    """

    def permutation(self, channels: int) -> np.ndarray:
        return tf.range(channels - 1, -1, -1)
