"""A small TarFlow (Zhai et al. 2024) for CPUs: 4-128-4-2, on 32×32 patches of the photographs of scikit-image.

It has 1.7 million parameters. An image is 64 tokens, which sampling takes one after the other unless they are right
before: with model.segments=64 each is evaluated once, with what is kept of those before.
"""

from flowconv.config import default_config


def get_config():
    config = default_config()
    config.model.name = "tarflow"
    config.model.depth = 4
    config.model.network = "causal_transformer"
    config.model.patch_size = 4
    config.model.width = 128
    config.model.blocks = 2
    config.model.heads = 2
    config.model.coupling = "gaussian"
    config.model.preprocessing = "symmetric"
    config.train.images = 36_000
    config.train.batch_size = 16
    config.train.evaluate_images = 9_000
    config.train.checkpoint_seconds = 60.0
    config.train.log_seconds = 5.0
    config.train.ema_decay = 0.99
    config.optimizer.learning_rate = 1e-3
    config.optimizer.warmup_images = 4_000
    config.optimizer.schedule = "cosine"
    config.optimizer.clip_norm = 1.0
    return config
