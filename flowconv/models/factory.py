"""From a config to a model."""

import keras
from ml_collections import ConfigDict

from flowconv.models.flow import Flow
from flowconv.models.glow import glow


def build_flow(config: ConfigDict) -> Flow:
    """Returns the flow that `config.model` and `config.data` describe, its weights drawn from `config.seed`.

    The same config gives the same weights. Data-dependent layers wait for `Flow.initialize`.
    """
    keras.utils.set_random_seed(config.seed)
    size = config.data.image_size
    return glow((size, size, 3), n_bits=config.data.n_bits, **config.model)
