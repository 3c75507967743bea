"""The optimizer and its learning rate, from Keras."""

import keras
from ml_collections import ConfigDict


def build_optimizer(config: ConfigDict) -> keras.optimizers.Optimizer:
    """Returns Adam or Adamax with global-norm clipping and an average of the weights, as `config` has it."""
    optimizers = {"adam": keras.optimizers.Adam, "adamax": keras.optimizers.Adamax}
    return optimizers[config.optimizer.name](
        learning_rate=config.optimizer.learning_rate,
        beta_1=config.optimizer.beta_1,
        beta_2=config.optimizer.beta_2,
        epsilon=config.optimizer.epsilon,
        global_clipnorm=config.optimizer.clip_norm or None,
        use_ema=True,
        name=config.optimizer.name,  # Keras numbers them otherwise, and checkpoints go by name
        ema_momentum=config.train.ema_decay,
    )


def build_schedule(config: ConfigDict) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns the learning rate as a function of the training images seen: linear warm-up, then constant or cosine."""
    peak, warmup = config.optimizer.learning_rate, config.optimizer.warmup_images
    if config.optimizer.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if warmup else peak,
            decay_steps=max(1, config.train.images - warmup),
            warmup_target=peak if warmup else None,
            warmup_steps=warmup,
        )
    return keras.optimizers.schedules.PolynomialDecay(
        initial_learning_rate=0.0 if warmup else peak, decay_steps=max(1, warmup), end_learning_rate=peak
    )
