"""Flow++ on CIFAR-10 (Ho et al. 2019): nine mixture couplings with self-attention, eight GPUs × 8; 3.08 bits/dim.

31,443,440 parameters, the paper's count. The figure is the paper's, importance-weighted with 4,096 draws an image:
scripts/evaluate.py --samples=4096. It is not reached here yet: nobody has run this recipe to its end with this
program. The paper does not say how long it trained.

An image costs 25.9 GFLOP forward and about four times that a training step, which computes each step twice: three times
configs/cifar10.py. On CPUs it is for days; --config.model.width=32 --config.model.blocks=2
--config.model.dequantizer_width=32 makes a small one of it.

Where it differs from the published program: the context's 1×1 convolutions are not initialized by data, and mixtures
start as the identity.
"""

from flowconv.config import default_config


def get_config():
    config = default_config()
    config.model.name = "flowpp"
    config.model.layers = "4 stripes, squeeze, 2 channels, 3 stripes"
    config.model.convolution = "conv1x1"
    config.model.parameterization = "near_identity"
    config.model.coupling = "mixture"
    config.model.components = 32
    config.model.network = "attention"
    config.model.width = 96
    config.model.blocks = 10
    config.model.dropout = 0.2
    config.model.dequantization = "variational"
    config.model.dequantizer_width = 96
    config.model.dequantizer_blocks = 2
    config.model.context_blocks = 3
    config.data.name = "cifar10"
    config.data.flip = False
    config.train.batch_size = 8
    config.train.ema_decay = 0.999
    config.optimizer.learning_rate = 3e-4
    config.optimizer.warmup_images = 128_000
    config.optimizer.clip_norm = 1.0
    return config
