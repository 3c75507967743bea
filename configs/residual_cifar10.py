"""A residual flow on CIFAR-10 (Chen et al. 2019): three scales × 16 residual blocks, and four dense ones.

An image's log-determinant is an estimate, and so are bits/dim: evaluations tell their standard error. The recipe is the
published program's; nobody has run it to its end with this one. Where it differs: bounds of singular values are a
function of the weights rather than power iterations, the number of terms is geometric and each image's own, and probes
are signs. An image costs 14 GFLOP for all blocks once, a training step ten times that or more. On CPUs it is for days;
--config.model.depth=2 --config.model.width=32 --config.model.dense_width=16 makes a small one of it.
"""

from flowconv.config import default_config


def get_config():
    config = default_config()
    config.model.name = "residual"
    config.model.levels = 3
    config.model.depth = 16
    config.model.network = "lipschitz_convolution"
    config.model.width = 512
    config.model.contraction = 0.98**3
    config.data.name = "cifar10"
    config.train.images = 50_000_000
    config.train.batch_size = 64
    config.train.ema_decay = 0.999
    config.optimizer.learning_rate = 1e-3
    config.optimizer.beta_2 = 0.99
    config.optimizer.warmup_images = 64_000
    config.optimizer.clip_norm = 1.0
    return config
