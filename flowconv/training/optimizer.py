"""The optimizer and its learning rate, from Keras."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf
from ml_collections import ConfigDict

from flowconv.ops.in_place_update import adam_update, adamax_update, average_update, decay_update, two_at_a_time
from flowconv.ops.random import empty


class InPlace:
    """A mixin of Keras' optimizers that updates in place, without copies of weights, slots or gradients.

    The figures are Keras' to rounding. After `build` its slots hold anything, until `reset` or a checkpoint sets them.
    """

    # Keras'
    variables: list[keras.Variable]
    iterations: keras.Variable
    epsilon: float
    beta_1: float
    beta_2: float
    global_clipnorm: float | None
    weight_decay: float | None
    use_ema: bool
    _model_variables_moving_average: list[keras.Variable]

    update_variable: Callable[..., tf.Operation]
    slot_names: tuple[str, str]

    def add_variable_from_reference(self, reference_variable, name=None, initializer="zeros"):
        """As Keras has it, but for the values of slots, which nothing has touched yet."""
        is_slot = len(reference_variable.shape) > 0
        return super().add_variable_from_reference(
            reference_variable, name=name, initializer=empty if is_slot else initializer
        )

    def reset(self) -> None:
        """Sets all slots and averages to zero."""
        for variable in self.variables:
            if len(variable.shape) > 0:  # not the learning rate and the number of updates
                variable.assign(tf.zeros(variable.shape, variable.dtype))

    def averages_of(self, variables: Sequence[keras.Variable]) -> list[tuple[keras.Variable, keras.Variable]]:
        """Returns pairs of the variables that the optimizer was built for and their moving averages, if it has any."""
        return list(zip(variables, self._model_variables_moving_average, strict=True)) if self.use_ema else []

    def update_in_place(
        self,
        gradients: Sequence[tf.Tensor],
        variables: Sequence[keras.Variable],
        *,
        learning_rate: tf.Tensor,
        gradient_norm: tf.Tensor,
        ema_decay: tf.Tensor,
    ) -> None:
        """Clips gradients, decays and updates variables, slots and moving averages, and counts the update.

        Args:
          gradients: of the loss, one for each variable.
          variables: those that the optimizer was built for, in their order.
          learning_rate: of this update.
          gradient_norm: of all gradients together.
          ema_decay: of the moving average of the weights, if there is one.
        """
        dtype = variables[0].dtype
        constants = {"lr": tf.cast(learning_rate, dtype), "epsilon": tf.constant(self.epsilon, dtype)}
        step = tf.cast(self.iterations.value + 1, dtype)
        for name, beta in (("beta1", self.beta_1), ("beta2", self.beta_2)):
            constants |= {name: tf.constant(beta, dtype), f"{name}_power": tf.constant(beta, dtype) ** step}
        if self.global_clipnorm:
            gradients = _clipped(gradients, self.global_clipnorm / gradient_norm)
        if self.weight_decay:
            rate = constants["lr"] * tf.constant(self.weight_decay, dtype)
            two_at_a_time(lambda variable: decay_update(variable, rate), variables)
        slots = list(zip(*(getattr(self, name) for name in self.slot_names), strict=True))
        two_at_a_time(lambda *of_one: self.update_variable(*of_one, constants), variables, slots, gradients)
        if self.use_ema:
            decay = tf.cast(ema_decay, dtype)
            gain = tf.where(self.iterations.value > 0, 1.0 - decay, tf.ones_like(decay))
            averages = self._model_variables_moving_average
            two_at_a_time(lambda average, variable: average_update(average, variable, gain), averages, variables)
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable.value))
        self.iterations.assign_add(1)


def _clipped(gradients, factor):
    """The gradients, times the factor where it is less than 1: seldom, then all go through the memory once more."""
    return tf.cond(factor < 1.0, lambda: [gradient * factor for gradient in gradients], lambda: list(gradients))


class Adam(InPlace, keras.optimizers.Adam):
    """Adam (Kingma & Ba 2015, at the end of section 2), as Keras has it."""

    update_variable = staticmethod(adam_update)
    slot_names = ("_momentums", "_velocities")


class Adamax(InPlace, keras.optimizers.Adamax):
    """Adamax (Kingma & Ba 2015, section 7.1), as Keras has it."""

    update_variable = staticmethod(adamax_update)
    slot_names = ("_m", "_u")


def build_optimizer(settings: ConfigDict, ema_decay: float) -> keras.optimizers.Optimizer:
    """Returns Adam or Adamax, with global-norm clipping and, if wanted, weight decay and an average of the weights.

    The decay is decoupled (Loshchilov & Hutter 2019), and one of all weights.

    Once it is built, its slots hold anything until they are reset or restored.

    Args:
      settings: `config.optimizer`.
      ema_decay: of the average, per step; 0: none.
    """
    optimizers = {"adam": Adam, "adamax": Adamax}
    return optimizers[settings.name](
        learning_rate=settings.learning_rate,
        beta_1=settings.beta_1,
        beta_2=settings.beta_2,
        epsilon=settings.epsilon,
        global_clipnorm=settings.clip_norm or None,
        weight_decay=settings.weight_decay or None,
        use_ema=ema_decay > 0.0,
        name=settings.name,  # Keras numbers them otherwise, and checkpoints go by name
        ema_momentum=ema_decay,
    )


def build_schedule(settings: ConfigDict, images: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns the learning rate as a function of the training images seen: linear warm-up, then constant or cosine.

    Args:
      settings: `config.optimizer`.
      images: the run's budget of training images.
    """
    peak, warmup = settings.learning_rate, settings.warmup_images
    if settings.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if warmup else peak,
            decay_steps=max(1, images - warmup),
            warmup_target=peak if warmup else None,
            warmup_steps=warmup,
        )
    return keras.optimizers.schedules.PolynomialDecay(
        initial_learning_rate=0.0 if warmup else peak, decay_steps=max(1, warmup), end_learning_rate=peak
    )
