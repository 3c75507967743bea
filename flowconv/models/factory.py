"""From a config to a model."""

import inspect

import keras
from ml_collections import ConfigDict

from flowconv.models.flow import Flow
from flowconv.models.glow import glow
from flowconv.models.nice import nice
from flowconv.models.realnvp import realnvp

MODELS = {"glow": glow, "realnvp": realnvp, "nice": nice}


def build_flow(config: ConfigDict) -> Flow:
    """Returns the flow that `config.model` and `config.data` describe, its weights drawn from `config.seed`.

    Of the fields of `config.model` a model gets those that it has arguments for. The same config gives the
    same weights. Data-dependent layers wait for `Flow.initialize`.
    """
    keras.utils.set_random_seed(config.seed)
    size = config.data.image_size
    make = MODELS[config.model.name]
    used = inspect.signature(make).parameters
    fields = {field: value for field, value in config.model.items() if field in used}
    return make((size, size, 3), n_bits=config.data.n_bits, **fields)
