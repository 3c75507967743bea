"""The channels in reverse order."""

import numpy as np
import tensorflow as tf

from flowconv.bijectors.reshape.permutation import Permutation


class Reverse(Permutation):
    """y_c = x_{C+1−c} (Dinh et al. 2017): what a coupling left as it was, the next one changes."""

    def permutation(self, channels: int) -> np.ndarray:
        return tf.range(channels - 1, -1, -1)
