"""Jet on ImageNet 64×64 (Kolesnikov et al. 2024): 32 couplings of 2 blocks, sixteen GPUs × 64; 3.72 bits/dim.

207,177,216 parameters, the paper's count. The figure is the paper's, on the old data set (PixelRNN's), which this is.
It is not reached here yet: nobody has run this recipe to its end with this program. The paper's best model, 3.66, is
--config.model.depth=64 --config.model.blocks=5, of 1,019,612,160 parameters.

200 passes over 1,281,149 images. An image costs 112 GFLOP forward and about four times that a training step, which
computes each coupling twice. On CPUs it is for years; configs/jet_photos.py is a small one.

At the peak of the schedule a step takes 1e-5 of a weight, as published: 1e-5 / 3e-4 of it times the learning rate. It
differs from the published program in one thing: Adam's first moment is kept in float32.
"""

from flowconv.config import default_config


def get_config():
    config = default_config()
    config.model.name = "jet"
    config.model.squeeze = 4
    config.model.depth = 32
    config.model.coupling = "bounded_affine"
    config.model.network = "transformer"
    config.model.width = 512
    config.model.blocks = 2
    config.model.heads = 8
    config.model.preprocessing = "symmetric"
    config.model.backward = "recompute"
    config.data.name = "downsampled_imagenet"
    config.data.image_size = 64
    config.data.flip = False
    config.data.validation_images = 5_000
    config.train.images = 256_229_800
    config.train.batch_size = 64
    config.train.ema_decay = 0.0
    config.optimizer.learning_rate = 3e-4
    config.optimizer.beta_2 = 0.95
    config.optimizer.warmup_images = 25_622_980
    config.optimizer.schedule = "cosine"
    config.optimizer.weight_decay = 1e-5 / 3e-4
    config.optimizer.clip_norm = 1.0
    return config
