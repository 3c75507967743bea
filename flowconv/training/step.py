"""One training step."""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping

import keras
import tensorflow as tf
from ml_collections import ConfigDict

from flowconv import distributed
from flowconv.models import Flow
from flowconv.ops.backends import compile_fn
from flowconv.ops.random import Seed
from flowconv.training.optimizer import build_optimizer, build_schedule
from flowconv.utils.background import run_in_background

Batch = Mapping[str, tf.Tensor]


class TrainingStep:
    """Flips, dequantization, bits/dim, gradients, their average over the workers, and the update.

    Every random choice is a function of the seed and an image's position in the stream of training
    images: N workers with batches of B do exactly what one does with batches of N·B.

    The workers' exchange overlaps the backward pass: of each loop over depth, the gradients are sent as soon as the
    loop has ended, the last loop's first. Where all gradients come at once, there is one exchange after the backward
    pass. That is so of a step that XLA compiles, or that has several backward passes.

    A batch is a dict, as `flowconv.data` has it: "image", uint8 `[B, H, W, C]`, and "position", int64, the number of
    the first one in that stream. Whatever else it has, as "label", is of each image, `[B, …]`.

    Attributes:
      learning_rate_factor: float64 variable, 1 at first; what the schedule says is multiplied by it.

    Args:
      flow: the model; its data-dependent layers are initialized.
      optimizer: built for the flow's trainable variables.
      schedule: learning rate as a function of the training images seen.
      images_seen: int64 variable; the step adds the global batch to it.
      seed: of flips and noise.
      flip: whether images are flipped left-right at random.
      jit_compile: whether XLA compiles forward, backward and update.
      backward_passes: parts, one after the other, of a worker's images in a step; memory is that of one part.
      compression: of the gradients that workers exchange: "none", "fp16".
    """

    def __init__(
        self,
        flow: Flow,
        optimizer: keras.optimizers.Optimizer,
        schedule: keras.optimizers.schedules.LearningRateSchedule,
        images_seen: tf.Variable,
        *,
        seed: int,
        flip: bool,
        jit_compile: bool,
        backward_passes: int = 1,
        compression: str = "none",
    ):
        self.flow = flow
        self.optimizer = optimizer
        self.schedule = schedule
        self.images_seen = images_seen
        self.seed = seed
        self.flip = flip
        self.backward_passes = backward_passes
        self.compression = compression
        self.learning_rate_factor = tf.Variable(1.0, dtype=tf.float64, trainable=False)
        self._gradients_come_at_once = jit_compile or backward_passes > 1
        self._differentiate, self._update = self.differentiate, self.update
        if jit_compile:  # an allreduce can't be compiled: it stands between these two
            self._differentiate = compile_fn(self.differentiate, jit_compile=True)
            self._update = compile_fn(self.update, jit_compile=True)

    @contextlib.contextmanager
    def trace_in_background(self, batch: Mapping[str, tf.TensorSpec], control_flags: int = 0) -> Iterator[None]:
        """Traces the step in a thread while a block executes, for batches like this one and so many control_flags.

        Tracing is Python's work. What comes before a first step, drawing of weights, initialization, and reading of
        checkpoints, is nearly all TensorFlow's: each has a core.
        """
        more = [tf.TensorSpec((control_flags,), tf.float32)] if control_flags else []
        with run_in_background(self.__call__.get_concrete_function, dict(batch), *more):
            yield

    def initialize(self, batch: Batch, average: Callable[[tf.Tensor], tf.Tensor] = distributed.average) -> None:
        """Draws the weights, sets what depends on data, and clears the optimizer's slots.

        The slots are cleared in a thread meanwhile: both wait for the machine's memory, most of the time.

        Args:
          batch: this worker's.
          average: returns a tensor's mean over the images of all workers, given this worker's.
        """
        with run_in_background(self.optimizer.reset):
            condition = self.flow.condition_of(batch)
            self.flow.initialize(batch["image"], self.seed, batch["position"], average, condition, self.seed)

    def augment(self, batch: Batch) -> Batch:
        """Returns the batch, half of its images flipped left-right."""
        if not self.flip:
            return batch
        images = batch["image"]
        heads = Seed(self.seed, batch["position"], stream=1).uniform((images.shape[0], 4))[:, 0] < 0.5
        flipped = tf.where(heads[:, None, None, None], tf.reverse(images, axis=[2]), images)
        return {**batch, "image": flipped}

    def differentiate(self, batch: Batch) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns this worker's mean bits/dim and its gradients with respect to the trainable variables."""
        variables = [variable.value for variable in self.flow.trainable_variables]
        batch = self.augment(batch)
        images, first = batch["image"], batch["position"]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            condition = self.flow.condition_of(batch)
            bits_per_dim = self.flow.bits_per_dim(images, self.seed, first, condition=condition, training=True)
            loss = tf.reduce_mean(bits_per_dim)
            penalty = self.flow.penalty()  # which bits/dim don't include
            penalized = loss if penalty is None else loss + penalty / (self.flow.dimensions * math.log(2.0))
        # Tensors: of what was gathered from a variable, as an embedding of labels, they are indexed.
        return loss, [tf.convert_to_tensor(gradient) for gradient in tape.gradient(penalized, variables)]

    def differentiate_in_passes(self, batch: Batch) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns what `differentiate` does, from `backward_passes` equal parts of the batch, one at a time.

        Raises:
          ValueError: if the images can't be parted so.
        """
        passes, images = self.backward_passes, batch["image"].shape[0]
        if images % passes:
            raise ValueError(f"{images} images can't be parted into {passes} equal parts")
        if passes == 1:
            return self._differentiate(batch)

        def add(number, loss, gradients):
            more_loss, more = self._differentiate(_part(batch, number, images // passes))
            return number + 1, loss + more_loss, [a + b for a, b in zip(gradients, more, strict=True)]

        variables = self.flow.trainable_variables
        zeros = [tf.zeros(variable.shape, variable.value.dtype) for variable in variables]
        # A loop in the graph, not in Python: its passes can't run at the same time, which would take all their memory.
        _, loss, gradients = tf.while_loop(
            lambda number, loss, gradients: number < passes,
            add,
            (0, tf.zeros([], self.flow.compute_dtype), zeros),
            parallel_iterations=1,
        )
        return loss / passes, [gradient / passes for gradient in gradients]

    def gradient_groups(self) -> list[list[int]]:
        """Returns the numbers of the gradients that are exchanged together, in the order in which they come."""
        number_of = {id(variable): number for number, variable in enumerate(self.flow.trainable_variables)}
        if self._gradients_come_at_once:
            return [list(number_of.values())]
        return [[number_of[id(variable)] for variable in group] for group in self.flow.variable_groups()]

    def update(self, loss: tf.Tensor, gradients: list[tf.Tensor], images: int) -> dict[str, tf.Tensor]:
        """Applies averaged gradients, unless the loss or one of them isn't finite; returns the step's figures."""
        norm = tf.linalg.global_norm(gradients)
        finite = tf.math.is_finite(norm) & tf.math.is_finite(loss)
        learning_rate = self.schedule(self.images_seen + images)
        learning_rate *= tf.cast(self.learning_rate_factor, learning_rate.dtype)
        self.optimizer.learning_rate.assign(learning_rate)
        self.images_seen.assign_add(images)

        # The decay grows at first, as tf.train.ExponentialMovingAverage's does with num_updates: a young average would
        # be dominated by the first weights.
        decay, steps = self.optimizer.ema_momentum, tf.cast(self.optimizer.iterations.value, loss.dtype)
        young_decay = tf.minimum(tf.cast(decay, loss.dtype), (1.0 + steps) / (10.0 + steps))

        def apply():
            self.optimizer.update_in_place(
                gradients,
                self.flow.trainable_variables,
                learning_rate=learning_rate,
                gradient_norm=norm,
                ema_decay=young_decay,
            )
            return tf.constant(0)

        skipped = tf.cond(finite, apply, lambda: tf.constant(1))
        return {
            "bits_per_dim": loss,
            "gradient_norm": norm,
            "learning_rate": learning_rate,
            "skipped": skipped,
        }

    @tf.function(autograph=False)  # AutoGraph would double the start-up
    def __call__(self, batch: Batch, control_flags: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """Takes one step.

        Args:
          batch: this worker's part of the global one: that of all its backward passes.
          control_flags: numbers `[n]` that go with the last gradients, so that all workers learn of them at once.

        Returns:
          Scalars, the same on every worker: bits_per_dim (mean over the global batch), gradient_norm
          (before clipping), learning_rate, and skipped (1 if the update was left out as not finite). With
          control_flags, these, too: their means over the workers.
        """
        loss, gradients = self.differentiate_in_passes(batch)
        scalars = (
            loss[None] if control_flags is None else tf.concat([loss[None], tf.cast(control_flags, loss.dtype)], 0)
        )
        gradients, scalars = distributed.average_gradients(gradients, scalars, self.compression, self.gradient_groups())
        figures = self._update(scalars[0], gradients, batch["image"].shape[0] * distributed.size())
        return figures if control_flags is None else figures | {"control_flags": scalars[1:]}


def _part(batch, number, size):
    """The part with this number of a batch, of `size` images."""
    begin = number * size
    each = {name: value[begin : begin + size] for name, value in batch.items() if name != "position"}
    each = {name: tf.ensure_shape(value, (size, *value.shape[1:])) for name, value in each.items()}
    return each | {"position": batch["position"] + tf.cast(begin, tf.int64)}


def uses_xla(jit_compile: str) -> bool:
    """Whether XLA compiles what computes with the flow: as train.jit_compile says, "auto" meaning on GPUs."""
    return jit_compile == "on" or (jit_compile == "auto" and bool(tf.config.list_physical_devices("GPU")))


def build_step(config: ConfigDict, flow: Flow, reset: bool = True) -> TrainingStep:
    """Returns the training step of `config` for a built flow, with an optimizer and a count of images of its own.

    Args:
      config: the run's.
      flow: what it trains.
      reset: whether the optimizer's slots are cleared; `TrainingStep.initialize` or a checkpoint does it otherwise.
    """
    optimizer = build_optimizer(config.optimizer, config.train.ema_decay)
    optimizer.build(flow.trainable_variables)  # its slots exist before anything is saved or broadcast
    if reset:
        optimizer.reset()
    return TrainingStep(
        flow,
        optimizer,
        build_schedule(config.optimizer, config.train.images),
        images_seen=tf.Variable(0, dtype=tf.int64, trainable=False),
        seed=config.seed,
        flip=config.data.flip,
        jit_compile=uses_xla(config.train.jit_compile),
        backward_passes=config.distributed.backward_passes_per_step,
        compression=config.distributed.compression,
    )
