"""A flow as a density of images."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from flowconv.bijectors.bijector import Bijector
from flowconv.bijectors.multiscale.multiscale import MultiScale
from flowconv.bijectors.repeated import Repeated, inverting
from flowconv.conditions.none import NoCondition
from flowconv.core import arguments
from flowconv.core.condition import Condition
from flowconv.core.dequantization import Dequantization
from flowconv.core.guidance import Guidance
from flowconv.core.inputs import NONE, Inputs
from flowconv.core.network import Average
from flowconv.core.no_image import where_finite
from flowconv.core.serialization import Configured
from flowconv.core.structure import described
from flowconv.core.weights import random_variables, reset_weights
from flowconv.models.standard_logistic import StandardLogistic
from flowconv.models.standard_normal import StandardNormal
from flowconv.ops.random import Seed
from flowconv.ops.shapes import batch_size
from flowconv.utils.background import run_in_background
from flowconv.words import distinct

if TYPE_CHECKING:
    import tensorflow_probability as tfp

LABELS = 2**20  # folded into the seed of those labels that training leaves out: no part has that number
FARTHEST = 50.0  # from the middle of [0, 1): only images of another scale, as 0 to 255, have numbers beyond


class Flow(Configured, keras.Model):
    """A density of images: a dequantization, a bijector from x to latents, and the latents' distribution.

    Or one for each condition of a kind, p(image | condition). Then whatever concerns certain images takes their
    conditions, of as many images; that of an unconditional flow is None.

    Images are uint8 `[B, H, W, C]`; x are their floats in [0, 1), `dequantize` and `to_images` lead from one to the
    other. Latents are a list of tensors, of the base distribution each, which together have as many numbers as x.

    A little outside of [0, 1) the density isn't 0: samples lie there, too. Its support is what the bijector maps,
    about (−0.056, 1.056) for `Logit` and everything for `Centre`. Whatever else a method is given is a TypeError or a
    ValueError that says what it takes; numbers are looked at where they are known, outside of a `tf.function`.

    A new flow's networks are zero. `reset_weights` draws them, `initialize` then sets what depends on data.

    Args:
      dequantization: from images to x.
      bijector: from x to latents, not built yet.
      base: the distribution of the latents.
      image_shape: (H, W, C).
      condition: the kind of condition that the bijector's networks see (default: none).

    Example:
      >>> from flowconv.bijectors import ActNorm, Affine, Chain, Conv1x1, Coupling, Logit, Squeeze
      >>> from flowconv.models import Flow, StandardNormal
      >>> from flowconv.networks.glow import GlowNetwork
      >>> from flowconv.surjections.uniform import UniformDequantization
      >>> step = Chain([ActNorm(), Conv1x1(), Coupling(Affine(), GlowNetwork(width=8))])
      >>> flow = Flow(UniformDequantization(), Chain([Logit(), Squeeze(), step]), StandardNormal(), (8, 8, 3))
      >>> drawn = flow.reset_weights(seed=0)
      >>> flow.sample(2).shape
      TensorShape([2, 8, 8, 3])
    """

    def __init__(
        self,
        dequantization: Dequantization,
        bijector: Bijector,
        base: StandardNormal | StandardLogistic,
        image_shape: tuple[int, int, int],
        condition: Condition | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.dequantization = dequantization
        self.bijector = bijector
        self.base = base
        self.image_shape = tuple(image_shape)
        self.condition = condition or NoCondition()
        self.dequantization.build((None, *self.image_shape))
        self.bijector.build((None, *self.image_shape))
        shapes = self.bijector.compute_output_shape((None, *self.image_shape))
        self.latent_shapes = [tuple(shape[1:]) for shape in (shapes if isinstance(shapes[0], tuple) else [shapes])]
        self.built = True

    @property
    def n_bits(self) -> int:
        """The bits that are kept of each uint8 number."""
        return self.dequantization.n_bits

    @property
    def dimensions(self) -> int:
        """H·W·C, the numbers in an image."""
        return math.prod(self.image_shape)

    @property
    def parameters(self) -> int:
        """The number of trainable numbers."""
        return sum(math.prod(variable.shape) for variable in self.trainable_variables)

    @property
    def estimates_log_det(self) -> bool:
        """Whether log-determinants, and with them all densities, are estimates: right in expectation alone."""
        return self.bijector.estimates_log_det()

    def variable_groups(self) -> list[list[keras.Variable]]:
        """Returns the trainable variables in groups whose gradients come together, in the backward pass' order.

        A loop over depth has the gradients of all its steps when it ends. So there is a group for each loop, the last
        one first, with those of the layers up to the next loop. The rest make the last group: what comes before all
        loops, as a dequantization. A variable of several groups is in the last of these, where its gradient is whole.
        """
        loop = 0
        loop_of: dict[int, int] = {}
        for stage in self.bijector.stages():
            loop += isinstance(stage, Repeated)
            for variable in stage.trainable_variables:
                loop_of.setdefault(id(variable), loop)

        def from_the_end(variable: keras.Variable) -> int:
            return -loop_of.get(id(variable), 0)

        groups = itertools.groupby(sorted(self.trainable_variables, key=from_the_end), key=from_the_end)
        return [list(group) for _, group in groups]

    def penalty(self) -> tf.Tensor | None:
        """Returns what training adds to an image's −log p, nats: of weights that have a regularizer; None of none."""
        regularized = [each for each in self.trainable_variables if getattr(each, "regularizer", None) is not None]
        return tf.add_n([each.regularizer(each.value) for each in regularized]) if regularized else None

    @property
    def is_conditional(self) -> bool:
        """Whether there is a density for each condition."""
        return not isinstance(self.condition, NoCondition)

    def condition_of(self, batch: Mapping[str, Any]) -> Any:
        """Returns the condition that the examples of a batch are seen under; None of an unconditional flow.

        Args:
          batch: of `flowconv.data`, or examples: "image", and "label" where the data set has labels.

        Raises:
          ValueError: if it lacks what the condition is made of.
        """
        return self.condition.of_batch(batch)

    def _with_condition(self, inputs: Inputs, images: int | None) -> Inputs:
        """Returns the inputs with their condition looked at, which is to be one of as many images.

        In training it is the one that training has.

        Raises:
          TypeError, ValueError: of another condition than the flow's, or for guidance of a flow that takes none.
        """
        if inputs.guidance is not None and not self.bijector.takes_guidance:
            raise ValueError(f"{self.name}: has no autoregressive layers, which guidance is of")
        if inputs.condition is None and self.is_conditional:
            raise ValueError(f"{self.name}: is conditional, and got no condition: give it one of each image")
        inputs = dataclasses.replace(inputs, condition=self.condition.take(inputs.condition))
        for tensor in inputs.tensors():
            if not tensor.shape[:1].is_compatible_with([images]):
                raise ValueError(f"condition: expected that of {images} images, got {tensor.shape[0]}")
        if inputs.training and inputs.seed is not None:
            seen = self.condition.in_training(inputs.condition, inputs.seed.fold_in(LABELS))
            inputs = dataclasses.replace(inputs, condition=seen)
        return inputs

    # ------------------------------------------------------------------------------------------- latents

    def encode_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Returns the latents of x, within the support, and log |det ∂latents/∂x|, `[B]`, nats."""
        return self._encode(self.take(x), inputs)

    def decode_and_log_det(self, latents: Sequence[tf.Tensor], inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the x of these latents and log |det ∂x/∂latents|, `[B]`, nats."""
        if not isinstance(latents, (list, tuple)) or len(latents) != len(self.latent_shapes):
            got = len(latents) if isinstance(latents, (list, tuple)) else f"a {type(latents).__name__}"
            raise ValueError(
                f"{self.name}: expected a list of {len(self.latent_shapes)} latents, as encode's, got {got}"
            )
        latents = tuple(
            arguments.floats(z, shape, self.compute_dtype, f"{self.name}, latents of level {level}")
            for level, (z, shape) in enumerate(zip(latents, self.latent_shapes, strict=True), 1)
        )
        inputs = self._with_condition(inputs, latents[0].shape[0])
        return self.bijector.inverse_and_log_det(latents if self._has_levels() else latents[0], inputs)

    def encode(self, x: tf.Tensor, condition: Any = None) -> list[tf.Tensor]:
        """Returns all latents of x, split ones included: shapes `[B, *shape]` for each of `latent_shapes`.

        With bfloat16 networks this and `decode` compute in float32, so that an image comes back as it was.
        """
        return self.encode_and_log_det(x, Inputs(condition, full_precision=True))[0]

    def decode(
        self, latents: Sequence[tf.Tensor], condition: Any = None, guidance: Guidance | None = None
    ) -> tf.Tensor:
        """Returns the images x of these latents; `decode(encode(x))` is x, as far as the flow's precision reaches.

        In float32 that is to 0.01 of a pixel level for images like those of the training. Others lie farther out: of a
        model of photographs, trained on 12,000 images, flat colours came back to 1.4 levels and noise to 57. What
        overflows comes back as NaN.

        With guidance it is the inverse of another flow, which `sample` tells of.
        """
        return self.decode_and_log_det(latents, Inputs(condition, full_precision=True, guidance=guidance))[0]

    def _encode(self, x, inputs):
        latents, log_det = self.bijector.forward_and_log_det(x, self._with_condition(inputs, x.shape[0]))
        return list(latents) if self._has_levels() else [latents], log_det

    def _has_levels(self):
        return isinstance(self.bijector.compute_output_shape((None, *self.image_shape))[0], tuple)

    # ------------------------------------------------------------------------------------------- densities

    def log_prob(self, x: tf.Tensor, condition: Any = None, seed: tf.Tensor | int = 0) -> tf.Tensor:
        """Returns log p(x | condition), `[B]`, nats: equation 2 of the paper; −∞ outside of the support.

        Of a flow with residual layers it is an unbiased estimate; the mean over seeds is a better one.

        Args:
          x: floats `[B, H, W, C]` in [0, 1).
          condition: tensors `[B, …]`, of a conditional flow.
          seed: of an estimate; by default always the same.
        """
        inputs = Inputs(condition, Seed(seed))
        return self._within_support(self.take(x), lambda x: self._log_density(x, inputs))

    def bits_per_dim(
        self,
        images: tf.Tensor,
        seed: tf.Tensor | int = 0,
        first: tf.Tensor | int = 0,
        stream: tf.Tensor | int = 0,
        condition: Any = None,
        training: bool = False,
    ) -> tf.Tensor:
        """Returns −log₂ P(image) / (H·W·C), `[B]`: an upper bound on it, from one draw of the dequantization noise.

        Args:
          images: uint8 `[B, H, W, C]`.
          seed: of the noise; by default always the same.
          first: the number of the first image in its data set or stream; an image's noise depends on
            (seed, its number, stream) alone.
          stream: another one gives another draw.
          condition: tensors `[B, …]`, of a conditional flow.
          training: whether layers behave as in training.
        """
        inputs = Inputs(condition, Seed(seed, first, stream), training)
        x, log_density = self.dequantization.forward_and_log_density(self._take_bytes(images), inputs)
        return self.to_bits_per_dim(self._log_density(x, inputs.fold_in(0)) - log_density)

    def to_bits_per_dim(self, log_prob: tf.Tensor) -> tf.Tensor:
        """Returns bits/dim of pixels at `n_bits`, for log-densities (nats) of x in [0, 1)."""
        return self.n_bits - log_prob / (self.dimensions * math.log(2.0))

    def outside_support(self, x: tf.Tensor) -> tf.Tensor:
        """Returns for each image of x `[..., H, W, C]` whether a number of it lies outside of the support."""
        return tf.reduce_any(self.bijector.outside_domain(x) | tf.zeros_like(x, tf.bool), axis=[-3, -2, -1])

    def _within_support(self, x, log_density):
        """Returns log_density(x), and −∞ where a number of an example has none: no NaN, neither in the gradient."""
        outside = self.outside_support(x)
        x = tf.where(outside[..., None, None, None], tf.constant(0.5, x.dtype), x)
        return tf.where(outside, tf.constant(-math.inf, x.dtype), log_density(x))

    def _log_density(self, x, inputs):
        latents, log_det = self._encode(x, inputs)
        return self.base.log_prob(latents) + log_det

    # ------------------------------------------------------------------------------------------- images

    def dequantize(
        self, images: tf.Tensor, seed: tf.Tensor | int = 0, first: tf.Tensor | int = 0, stream: tf.Tensor | int = 0
    ) -> tf.Tensor:
        """Returns x = (level + u) / 2^n_bits; arguments as in `bits_per_dim`."""
        inputs = Inputs(seed=Seed(seed, first, stream))
        return self.dequantization.forward_and_log_density(self._take_bytes(images), inputs)[0]

    def dequantize_midpoint(self, images: tf.Tensor) -> tf.Tensor:
        """Returns x = (level + ½) / 2^n_bits: the images without noise."""
        return self.dequantization.add(self._take_bytes(images), tf.constant(0.5, self.compute_dtype))

    def to_images(self, x: tf.Tensor) -> tf.Tensor:
        """Returns uint8 images of x; the inverse of dequantization.

        Numbers outside of [0, 1) become the nearest level. An image with a number that isn't finite becomes what no
        image is, a checkerboard of black and magenta.
        """
        x = arguments.floats(x, self.image_shape, self.compute_dtype, self.name)
        return where_finite(x, self.dequantization.inverse(x))

    def sample_latents(self, n: int, temperature: float = 1.0, seed: int = 0) -> list[tf.Tensor]:
        """Returns n draws of all latents from the base, times the temperature; arguments as in `sample`."""
        return self.base.sample(n, self.latent_shapes, self.compute_dtype, temperature, seed)

    def sample(
        self,
        n: int,
        temperature: float = 1.0,
        seed: int = 0,
        condition: Any = None,
        guidance: Guidance | None = None,
    ) -> tf.Tensor:
        """Returns n samples x, `[n, H, W, C]`, of latents that are the temperature times draws of the base.

        Args:
          n: at least 1.
          temperature: of a normal base, the standard deviation of the latents; at 0 all samples are the same.
          seed: the same seed gives the same samples, and so does the default: two calls without one return equal
            tensors. For others give another seed; `as_distribution().sample(n)` draws anew at each call.
          condition: tensors `[n, …]`, of a conditional flow.
          guidance: of autoregressive layers, whose density is another one then than `log_prob`.
        """
        return self.decode(self.sample_latents(n, temperature, seed), condition, guidance)

    def denoise(self, x: tf.Tensor, deviation: float, condition: Any = None) -> tf.Tensor:
        """Returns x + σ²·∇ log p(x), the mean of the images that Gaussian noise may have made x of: Tweedie's formula.

        Args:
          x: floats `[B, H, W, C]`, noisy ones.
          deviation: σ of the noise, that of the images which the flow was trained on.
          condition: as of `log_prob`.
        """
        x = tf.identity(self.take(x))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            log_prob = self.log_prob(x, condition)
        return x + deviation**2 * tape.gradient(log_prob, x)

    def take(self, x: tf.Tensor) -> tf.Tensor:
        """Returns images x as floats in the flow's dtype.

        Raises:
          TypeError: if they aren't floats.
          ValueError: if they have another shape, or eager numbers that aren't finite or far from [0, 1).
        """
        x = self._take_floats(x, batch="B")
        if not tf.is_symbolic_tensor(x) and not np.all(np.abs(x - 0.5) <= FARTHEST):
            raise ValueError(
                f"{self.name}: expected numbers in [0, 1), got some from {np.min(x):g} to {np.max(x):g}: "
                "dequantize makes such of uint8 images"
            )
        return x

    def _take_floats(self, x, batch=arguments.ANY):
        cure = ": bits_per_dim takes uint8 images, dequantize makes such floats of them"
        return arguments.floats(
            x, self.image_shape, self.compute_dtype, self.name, batch=batch, among=" in [0, 1)", cure=cure
        )

    def _take_bytes(self, images):
        cure = ": log_prob and encode take floats in [0, 1), to_images makes uint8 images of them"
        return arguments.uint8(images, self.image_shape, self.name, cure)

    # ------------------------------------------------------------------------------------------- weights

    def reset_weights(self, seed: int = 0) -> list[keras.Variable]:
        """Draws the random weights, nearly all of a model's numbers, and returns them; of a seed always the same."""
        reset_weights(self.variables, seed)
        return random_variables(self.variables)

    def initialize(
        self,
        images: tf.Tensor,
        seed: int = 0,
        first: int = 0,
        average: Average = tf.identity,
        condition: Any = None,
        reset_seed: int | None = None,
    ) -> None:
        """Sets data-dependent weights from a batch; layers that were initialized before stay as they are.

        Args:
          images: uint8 `[B, H, W, C]`, or floats in [0, 1), which need no dequantization.
          seed, first: as of `bits_per_dim`.
          average: returns a tensor's mean over all workers.
          condition: as of `bits_per_dim`.
          reset_seed: if given, `reset_weights` with it before: that takes a core while tracing takes another.

        Raises:
          ValueError: for no images, or a single one where a layer normalizes each number by itself.
        """
        images = tf.convert_to_tensor(images)
        images = self._take_bytes(images) if images.dtype == tf.uint8 else self.take(images)
        if images.shape[0] == 0:
            raise ValueError(f"{self.name}: expected images to initialize with, got none")

        @tf.function(autograph=False)  # depth is a loop: to trace it takes less time than K eager steps
        def run(images, condition):
            inputs = Inputs(condition, Seed(seed, first), full_precision=True)
            inputs = self._with_condition(inputs, images.shape[0])
            if images.dtype == tf.uint8:
                images = self.dequantization.initialize(images, inputs, average)
            self.bijector.initialize(images, inputs.fold_in(0), average)

        if reset_seed is None:
            run(images, condition)
            return
        with run_in_background(self.reset_weights, reset_seed):
            traced = run.get_concrete_function(images, condition)
        traced(images, condition)

    def singular_values(self) -> dict[str, np.ndarray]:
        """Returns the singular values of all matrices by name, `[K, n]`: of each step's W, or of all frequencies' M.

        Those of a dequantization that is a flow are among them.
        """
        found = self.bijector.singular_values()
        for name, part in self.bijector.children():
            if isinstance(part, MultiScale):  # whose levels have names that say enough
                found = {each.removeprefix(f"{name}/"): values for each, values in found.items()}
        of_noise = self.dequantization.singular_values().items()
        return found | {f"dequantization/{name}": values for name, values in of_noise}

    # ------------------------------------------------------------------------------------------- Keras and TFP

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns log p(x): Keras' own entry."""
        return self.log_prob(x)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns `[B]` for `[B, H, W, C]`: Keras' own."""
        return tuple(input_shape[:1])

    def export(self, filepath: str, format: str = "tf_saved_model", verbose: bool | None = None, **kwargs: Any) -> None:
        """Writes a SavedModel of log p(x), as Keras does; `inference.saved_model` has latents and samples, too."""
        images = keras.InputSpec(shape=(None, *self.image_shape), dtype=self.compute_dtype)
        with inverting(self):
            super().export(filepath, format, verbose, **{"input_signature": [images]} | kwargs)

    def _trackable_children(self, save_type: str = "checkpoint", **kwargs: Any) -> dict[str, Any]:
        """TensorFlow's own, for tf.train.Checkpoint, which finds no layers in lists and would save nothing of them."""
        names = distinct([variable.path.replace("/", ".") for variable in self.variables])
        values = [variable.value for variable in self.variables]
        return super()._trackable_children(save_type, **kwargs) | dict(zip(names, values, strict=True))

    def __str__(self) -> str:
        """Returns the structure of the flow, a line for each part, with settings and shapes."""
        return described(self)

    def as_bijector(self, condition: Any = None) -> tfp.bijectors.Bijector:
        """Returns a `tfb.Bijector` from images `[H, W, C]` to all latents as one vector `[H·W·C]`.

        Args:
          condition: that of all images, without a batch axis, of a conditional flow.
        """
        from flowconv.bijectors.tfp import KerasBijector

        sizes = [math.prod(shape) for shape in self.latent_shapes]
        condition = None if condition is None else tf.nest.map_structure(tf.convert_to_tensor, condition)

        def inputs_of(x):
            inputs = Inputs(condition, Seed(0), full_precision=True)
            return inputs.with_tensors([tf.repeat(tensor[None], batch_size(x), axis=0) for tensor in inputs.tensors()])

        def forward_and_log_det(x):
            latents, log_det = self.encode_and_log_det(x, inputs_of(x))
            return tf.concat([tf.reshape(z, [-1, n]) for z, n in zip(latents, sizes, strict=True)], 1), log_det

        def inverse_and_log_det(z):
            parts = zip(tf.split(z, sizes, axis=1), self.latent_shapes, strict=True)
            return self.decode_and_log_det([tf.reshape(part, [-1, *shape]) for part, shape in parts], inputs_of(z))

        return KerasBijector(
            forward_and_log_det,
            inverse_and_log_det,
            self.image_shape,
            (self.dimensions,),
            self,
        )

    def as_distribution(self, condition: Any = None) -> tfp.distributions.Distribution:
        """Returns the density of images as a `tfd.Distribution` over events `[H, W, C]`.

        Outside of the support `log_prob` is −∞, as in TFP.

        Args:
          condition: that of all images, without a batch axis, of a conditional flow.
        """
        from flowconv.bijectors.tfp import Density
        from flowconv.ops.tfp import tfb

        latents = self.base.as_tfp(self.dimensions, self.compute_dtype)
        bijector = tfb.Invert(self.as_bijector(condition))
        return Density(latents, bijector, self._take_floats, self._within_support, self.name)
