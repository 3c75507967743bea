"""The optimizer and its learning rate, from Keras."""

import keras
import tensorflow as tf
from ml_collections import ConfigDict


class FusedAdam(keras.optimizers.Adam):
    """Keras' Adam with one operation a variable in the place of a few dozen; the same slots, and weights to rounding.

    The training step's graph is half as large, so that it is traced sooner, and passes over memory once.
    """

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        count = tf.cast(self.iterations.value + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=self.beta_1**count,
            beta2_power=self.beta_2**count,
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=tf.cast(self.beta_1, variable.dtype),
            beta2=tf.cast(self.beta_2, variable.dtype),
            epsilon=tf.cast(self.epsilon, variable.dtype),
            grad=gradient,
        )


def build_optimizer(config: ConfigDict) -> keras.optimizers.Optimizer:
    """Returns Adam or Adamax with global-norm clipping and an average of the weights, as `config` has it."""
    optimizers = {"adam": FusedAdam, "adamax": keras.optimizers.Adamax}
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
