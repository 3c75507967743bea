"""ImageNet 64×64 (Truong et al. 2021, section 5.1): K 48, L 4, four GPUs × 64.

The data set is the old one (PixelRNN's); the new one is --config.data.name=imagenet_resized.
"""

from flowconv.config import default_config


def get_config():
    config = default_config()
    config.model.levels = 4
    config.model.depth = 48
    config.data.name = "downsampled_imagenet"
    config.data.image_size = 64
    config.data.flip = False
    config.data.validation_images = 5_000
    return config
