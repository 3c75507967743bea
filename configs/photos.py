"""32×32 patches of the photographs that scikit-image ships; minutes on two cores. train.py takes it by default."""

from flowconv.config import default_config


def get_config():
    config = default_config()
    config.model.depth = 8
    config.model.width = 64
    config.train.images = 36_000
    config.train.batch_size = 16
    config.train.evaluate_images = 9_000
    config.train.checkpoint_seconds = 60.0
    config.train.log_seconds = 5.0
    config.optimizer.learning_rate = 2e-3
    config.optimizer.warmup_images = 4_000
    config.optimizer.schedule = "cosine"
    config.train.ema_decay = 0.99
    return config
