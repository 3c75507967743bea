"""Capital letters of matplotlib's typefaces, 32×32 and grey, given which letter it is: half an hour on two cores."""

from flowconv.config import default_config


def get_config():
    config = default_config()
    config.data.name = "letters"
    config.data.channels = 1
    config.data.flip = False
    config.model.condition = "class"
    config.model.prior = "learned"
    config.model.depth = 8
    config.model.width = 64
    config.train.images = 200_000
    config.train.batch_size = 32
    config.train.evaluate_images = 18_720
    config.train.checkpoint_seconds = 60.0
    config.train.log_seconds = 5.0
    config.optimizer.learning_rate = 2e-3
    config.optimizer.warmup_images = 4_000
    config.optimizer.schedule = "cosine"
    config.train.ema_decay = 0.999
    return config
