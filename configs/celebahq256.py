"""CelebA-HQ 256×256 in 5 bits (Truong et al. 2021, section 5.2): K 32, L 6, eight GPUs × 1.

The coupling is additive, as in Glow's model of these images.
"""

from flowconv.config import default_config


def get_config():
    config = default_config()
    config.model.levels = 6
    config.model.coupling = "additive"
    config.data.name = "celeb_a_hq"
    config.data.image_size = 256
    config.data.n_bits = 5
    config.train.batch_size = 1
    config.train.initialization_images = 64
    config.evaluation.batch_size = 4
    return config
