"""A size as a config."""

from ml_collections import ConfigDict

from benchmarks.sizes import Size
from flowconv.config import default_config


def config_of(size: Size) -> ConfigDict:
    """Returns the default config with a size's model, images and batch."""
    config = default_config()
    config.model.levels, config.model.depth, config.model.width = size.levels, size.depth, size.width
    config.data.image_size, config.train.batch_size = size.image_size, size.batch_size
    return config
