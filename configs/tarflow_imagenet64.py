"""TarFlow on ImageNet 64×64 (Zhai et al. 2024): 2-768-8-8, patch size, width, blocks and layers of each.

460,142,784 parameters, the published program's. The paper reports 2.99 bits/dim, of one draw of noise. Of which
ImageNet 64 is disputed; here it is the new one, which most evidence speaks for. The figure is not reached here: nobody
has run this recipe with this program. The published run took 16 A100 at 16 images each.

An image costs 1.1 TFLOP forward. On CPUs use configs/tarflow_photos.py.

Where it differs from the published program: GELU by its tanh formula, matrices that are drawn as Glorot's, and pixels
times 256/127.5 rather than 2.
"""

from flowconv.config import default_config


def get_config():
    config = default_config()
    config.model.name = "tarflow"
    config.model.depth = 8
    config.model.network = "causal_transformer"
    config.model.patch_size = 2
    config.model.width = 768
    config.model.blocks = 8
    config.model.heads = 12
    config.model.coupling = "gaussian"
    config.model.preprocessing = "symmetric"
    config.data.name = "imagenet_resized"
    config.data.image_size = 64
    config.train.images = 128_000_000
    config.train.batch_size = 16
    config.train.ema_decay = 0.0
    config.optimizer.learning_rate = 1e-4
    config.optimizer.schedule = "cosine"
    config.optimizer.warmup_images = 1_281_000
    config.optimizer.beta_2 = 0.95
    config.optimizer.weight_decay = 1e-4
    config.optimizer.clip_norm = 0.0
    return config
