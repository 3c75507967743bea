"""ImageNet 32×32 (Truong et al. 2021, section 5.1): K 48, L 3, four GPUs × 64.

Here the data set is the old one (PixelRNN's), on which the earlier papers report; the new one, on which the same model
scores about 0.25 bits/dim lower, is --config.data.name=imagenet_resized.
"""

from flowconv.config import default_config


def get_config():
    config = default_config()
    config.model.depth = 48
    config.data.name = "downsampled_imagenet"
    config.data.flip = False
    config.data.validation_images = 5_000
    return config
