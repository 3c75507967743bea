"""The optimizer and its learning rate, from Keras."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf
from ml_collections import ConfigDict

from flowconv.bijectors.initialization import drawing_later, without_values


class InPlace:
    """What makes a Keras optimizer update in place.

    Keras writes an update as many small operations. Those of all variables become ready at once, and each result is
    as large as its variable: at its peak, an update held four copies of all weights beside weights, gradients and
    slots. Here an operation of TensorFlow's own updates a variable and its slots, and no other copies of gradients,
    or of averages before gradients are gone, are made. The figures are Keras' to rounding.

    Attributes:
      gradient_norm: of all gradients together, where whoever asks for an update has it already.
    """

    gradient_norm: tf.Tensor | None = None

    def add_variable_from_reference(self, reference_variable, name=None, initializer="zeros"):
        later = drawing_later() and len(reference_variable.shape) > 0
        return super().add_variable_from_reference(
            reference_variable, name=name, initializer=without_values if later else initializer
        )

    def clear(self) -> None:
        """Sets all slots and averages to zero, which those that were built within `drawn_later` need."""
        for variable in self.variables:
            if len(variable.shape) > 0:  # not the learning rate and the number of updates
                variable.assign(tf.zeros(variable.shape, variable.dtype))

    def _clip_gradients(self, grads):
        return grads if self.global_clipnorm else super()._clip_gradients(grads)  # _backend_update_step clips

    def _backend_update_step(self, gradients, variables, learning_rate):
        # Keras asks a distribution strategy, which takes seconds to trace. What all variables share is computed once.
        dtype = variables[0].dtype
        common = {"lr": tf.cast(learning_rate, dtype), "epsilon": tf.constant(self.epsilon, dtype)}
        step = tf.cast(self.iterations.value + 1, dtype)
        for name, beta in (("beta1", self.beta_1), ("beta2", self.beta_2)):
            common |= {name: tf.constant(beta, dtype), f"{name}_power": tf.constant(beta, dtype) ** step}
        if self.global_clipnorm:
            gradients = self._clipped(gradients)

        def update(gradient, variable):
            number, handle = self._get_variable_index(variable), variable.value.handle
            return self.update_in_place(number, handle, gradient, common)

        _two_at_a_time(update, gradients, variables)

    def _clipped(self, gradients):
        norm = tf.linalg.global_norm(gradients) if self.gradient_norm is None else self.gradient_norm
        factor = self.global_clipnorm / norm  # seldom less than 1: then all of them go through the memory once more
        return tf.cond(factor < 1.0, lambda: [gradient * factor for gradient in gradients], lambda: list(gradients))

    def _update_model_variables_moving_average(self, trainable_variables):
        decay = tf.cast(self.ema_momentum, trainable_variables[0].dtype)
        gain = tf.where(self.iterations.value > 0, 1.0 - decay, tf.ones_like(decay))

        def move(variable, average):
            difference = average.value - variable.value  # of which the operation subtracts the gain's part
            return tf.raw_ops.ResourceApplyGradientDescent(var=average.value.handle, alpha=gain, delta=difference)

        _two_at_a_time(move, trainable_variables, self._model_variables_moving_average)


def _two_at_a_time(update: Callable[..., tf.Operation], *lists: Sequence) -> None:
    """Calls update(…) for the items of the lists, so that two of the operations may run at the same time.

    What each makes on its way, a clipped gradient or a difference, is as large as its variable.
    """
    done = []
    for items in zip(*lists, strict=True):
        with tf.control_dependencies(done[-2:-1]):
            done.append(update(*items))


class Adam(InPlace, keras.optimizers.Adam):
    """Adam (Kingma & Ba 2015, at the end of section 2), as Keras has it."""

    def update_in_place(self, number, handle, gradient, common):
        return tf.raw_ops.ResourceApplyAdam(
            var=handle,
            m=self._momentums[number].value.handle,
            v=self._velocities[number].value.handle,
            grad=gradient,
            **common,
        )


class Adamax(InPlace, keras.optimizers.Adamax):
    """Adamax (Kingma & Ba 2015, section 7.1), as Keras has it."""

    def update_in_place(self, number, handle, gradient, common):
        common = {name: value for name, value in common.items() if name != "beta2_power"}
        return tf.raw_ops.ResourceApplyAdaMax(
            var=handle, m=self._m[number].value.handle, v=self._u[number].value.handle, grad=gradient, **common
        )


def build_optimizer(config: ConfigDict) -> keras.optimizers.Optimizer:
    """Returns `config`'s Adam or Adamax, with global-norm clipping and, if wanted, an average of the weights."""
    optimizers = {"adam": Adam, "adamax": Adamax}
    return optimizers[config.optimizer.name](
        learning_rate=config.optimizer.learning_rate,
        beta_1=config.optimizer.beta_1,
        beta_2=config.optimizer.beta_2,
        epsilon=config.optimizer.epsilon,
        global_clipnorm=config.optimizer.clip_norm or None,
        use_ema=config.train.ema_decay > 0.0,
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
