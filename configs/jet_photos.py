"""A small Jet on the embedded photographs: 32 couplings of one block, 32×32 patches; about 20 minutes on two cores.

1,885,696 parameters. Training images were at about 3.9 bits/dim after the first 10,900 of its 36,000; the run was not
taken to its end. Most of the time goes into the networks: --config.model.depth=16 halves it, and with it how far a
number can be enlarged, which few couplings of Jet lack.
"""

from flowconv.config import default_config


def get_config():
    config = default_config()
    config.model.name = "jet"
    config.model.squeeze = 4
    config.model.depth = 32
    config.model.coupling = "bounded_affine"
    config.model.network = "transformer"
    config.model.width = 64
    config.model.blocks = 1
    config.model.heads = 2
    config.model.preprocessing = "symmetric"
    config.model.backward = "recompute"
    config.train.images = 36_000
    config.train.batch_size = 16
    config.train.evaluate_images = 9_000
    config.train.checkpoint_seconds = 60.0
    config.train.log_seconds = 5.0
    config.train.ema_decay = 0.99
    config.optimizer.learning_rate = 1e-3
    config.optimizer.beta_2 = 0.95
    config.optimizer.warmup_images = 3_600
    config.optimizer.schedule = "cosine"
    config.optimizer.clip_norm = 1.0
    return config
