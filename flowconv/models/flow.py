"""A flow as a density of images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from flowconv.bijectors import Bijector, Repeated, Split, data_dependent_initialization, full_precision, inputs
from flowconv.bijectors.bijector import batch_size
from flowconv.models.beside import beside
from flowconv.models.dequantization import dequantize, images_of, uniform_noise

if TYPE_CHECKING:
    import tensorflow_probability as tfp

FARTHEST = 50.0  # from the middle of [0, 1): only images of another scale, as 0 to 255, have numbers beyond


class Flow(keras.Model):
    """A multi-scale flow (Dinh et al. 2017): preprocessing, then levels, with a split between each two.

    Images x are `[B, H, W, C]` in [0, 1). Their latents are a list of tensors, one a level, N(0, I) each,
    which together have as many numbers as x: those that leave at a split, in order, and the last level's.
    A batch of uint8 images becomes such x by `dequantize`, and x becomes uint8 again by `to_images`.

    A little outside of [0, 1) the density isn't 0: samples lie there, too. Its support is what `preprocessing` maps,
    about (−0.056, 1.056) for `Logit` and everything for `Centre`. Whatever else a method is given is a TypeError or a
    ValueError that says what it takes; numbers are looked at where they are known, outside of a `tf.function`.

    Args:
      preprocessing: a bijector of pixels, `Logit` or `Centre`.
      levels: bijectors, each from one level's input to its output.
      splits: one fewer.
      image_shape: (H, W, C).
      n_bits: bits that are kept of each uint8 number.
    """

    def __init__(
        self,
        preprocessing: Bijector,
        levels: Sequence[Bijector],
        splits: Sequence[Split],
        image_shape: tuple[int, int, int],
        n_bits: int = 8,
        **kwargs,
    ):
        super().__init__(**kwargs)
        inputs.number(n_bits, lambda bits: bits in range(1, 9), "n_bits", "a whole number from 1 to 8")
        self.preprocessing = preprocessing
        self.levels = list(levels)
        self.splits = list(splits)
        self.image_shape = tuple(image_shape)
        self.n_bits = n_bits
        self.latent_shapes = []
        shape = self.image_shape
        self.preprocessing.build((None, *shape))
        for number, level in enumerate(self.levels):
            level.build((None, *shape))
            shape = level.forward_shape(shape)
            if number < len(self.splits):
                self.splits[number].build((None, *shape))
                shape = (*shape[:2], shape[2] // 2)
            self.latent_shapes.append(shape)
        self.built = True

    @property
    def dimensions(self) -> int:
        """H·W·C, the numbers in an image."""
        return math.prod(self.image_shape)

    @property
    def parameters(self) -> int:
        """The number of trainable numbers."""
        return sum(math.prod(variable.shape) for variable in self.trainable_variables)

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

    def encode_and_log_det(self, x: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Returns the latents of x, within the support, and log |det ∂latents/∂x|, `[B]`, nats."""
        return self._encode(self.take(x))

    def _encode(self, x):
        x, total = self.preprocessing.forward_and_log_det(x)
        latents = []
        for number, level in enumerate(self.levels):
            x, log_det = level.forward_and_log_det(x)
            total += log_det
            if number < len(self.splits):
                (x, latent), log_det = self.splits[number].forward_and_log_det(x)
                total += log_det
                latents.append(latent)
        return [*latents, x], total

    def decode_and_log_det(self, latents: Sequence[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the x of these latents and log |det ∂x/∂latents|, `[B]`, nats."""
        if not isinstance(latents, (list, tuple)) or len(latents) != len(self.latent_shapes):
            got = len(latents) if isinstance(latents, (list, tuple)) else f"a {type(latents).__name__}"
            raise ValueError(
                f"{self.name}: expected a list of {len(self.latent_shapes)} latents, as encode's, got {got}"
            )
        *latents, x = (
            inputs.floats(z, shape, self.compute_dtype, f"{self.name}, latents of level {level}")
            for level, (z, shape) in enumerate(zip(latents, self.latent_shapes, strict=True), 1)
        )
        total = 0.0
        for number, level in reversed(list(enumerate(self.levels))):
            if number < len(self.splits):
                x, log_det = self.splits[number].inverse_and_log_det((x, latents[number]))
                total += log_det
            x, log_det = level.inverse_and_log_det(x)
            total += log_det
        x, log_det = self.preprocessing.inverse_and_log_det(x)
        return x, total + log_det

    def encode(self, x: tf.Tensor) -> list[tf.Tensor]:
        """Returns all latents of x, split ones included: shapes `[B, *shape]` for each of `latent_shapes`.

        With bfloat16 networks this and `decode` compute in float32, so that an image comes back as it was.
        """
        with full_precision():
            return self.encode_and_log_det(x)[0]

    def decode(self, latents: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns the images x of these latents; `decode(encode(x))` is x, as far as the flow's precision reaches.

        In float32 that is to 0.01 of a pixel level for images like those of the training. Others lie farther out: of a
        model of photographs, trained on 12,000 images, flat colours came back to 1.4 levels and noise to 57. What
        overflows comes back as NaN.
        """
        with full_precision():
            return self.decode_and_log_det(latents)[0]

    def log_prob(self, x: tf.Tensor) -> tf.Tensor:
        """Returns log p(x), `[B]`, nats: the density of x (equation 2 of the paper); −∞ outside of the support."""
        return self._within_support(self.take(x), self._log_density)

    def outside_support(self, x: tf.Tensor) -> tf.Tensor:
        """Returns for each image of x `[..., H, W, C]` whether a number of it lies outside of the support."""
        return tf.reduce_any(self.preprocessing.outside_domain(x) | tf.zeros_like(x, tf.bool), axis=[-3, -2, -1])

    def _within_support(self, x, log_density):
        """Returns log_density(x), and −∞ where a number of an example has none: no NaN, neither in the gradient."""
        outside = self.outside_support(x)
        x = tf.where(outside[..., None, None, None], tf.constant(0.5, x.dtype), x)
        return tf.where(outside, tf.constant(-math.inf, x.dtype), log_density(x))

    def _log_density(self, x):
        latents, log_det = self._encode(x)
        log_normal = sum(tf.reduce_sum(z**2, axis=[1, 2, 3]) for z in latents)
        return log_det - 0.5 * (log_normal + self.dimensions * math.log(2.0 * math.pi))

    def bits_per_dim(
        self, images: tf.Tensor, seed: tf.Tensor | int = 0, first: tf.Tensor | int = 0, stream: tf.Tensor | int = 0
    ) -> tf.Tensor:
        """Returns −log₂ P(image) / (H·W·C), `[B]`: an upper bound on it, from one draw of the dequantization noise.

        Args:
          images: uint8 `[B, H, W, C]`.
          seed: of the noise; by default always the same.
          first: the number of the first image in its data set or stream; an image's noise depends on
            (seed, its number, stream) alone.
          stream: another one gives another draw.
        """
        return self.bits_per_dim_of_density(self._log_density(self.dequantize(images, seed, first, stream)))

    def bits_per_dim_of_density(self, log_prob: tf.Tensor) -> tf.Tensor:
        """Returns bits/dim of pixels at `n_bits`, for log-densities (nats) of x in [0, 1)."""
        return self.n_bits - log_prob / (self.dimensions * math.log(2.0))

    def dequantize(
        self, images: tf.Tensor, seed: tf.Tensor | int = 0, first: tf.Tensor | int = 0, stream: tf.Tensor | int = 0
    ) -> tf.Tensor:
        """Returns x = (level + u) / 2^n_bits with u ~ U[0, 1); arguments as in `bits_per_dim`."""
        images = self._take_bytes(images)
        noise = uniform_noise((batch_size(images), *self.image_shape), seed, first, stream)
        return dequantize(images, tf.cast(noise, self.compute_dtype), self.n_bits)

    def level_centres(self, images: tf.Tensor) -> tf.Tensor:
        """Returns x = (level + ½) / 2^n_bits: the images without noise."""
        return dequantize(self._take_bytes(images), tf.constant(0.5, self.compute_dtype), self.n_bits)

    def _take_floats(self, x, batch=inputs.ANY):
        cure = ": bits_per_dim takes uint8 images, dequantize makes such floats of them"
        return inputs.floats(
            x, self.image_shape, self.compute_dtype, self.name, batch=batch, among=" in [0, 1)", cure=cure
        )

    def _take_bytes(self, images):
        cure = ": log_prob and encode take floats in [0, 1), to_images makes uint8 images of them"
        return inputs.uint8(images, self.image_shape, self.name, cure)

    def to_images(self, x: tf.Tensor) -> tf.Tensor:
        """Returns uint8 images of x; the inverse of dequantization.

        Numbers outside of [0, 1) become the nearest level. An image with a number that isn't finite becomes what no
        image is, a checkerboard of black and magenta.
        """
        return images_of(inputs.floats(x, self.image_shape, self.compute_dtype, self.name), self.n_bits)

    def sample_latents(self, n: int, temperature: float = 1.0, seed: int = 0) -> list[tf.Tensor]:
        """Returns n draws of all latents from N(0, temperature²·I); arguments as in `sample`."""
        inputs.number(n, lambda n: n >= 1 and n == int(n), "n", "a whole number of at least 1")
        inputs.number(temperature, lambda t: 0.0 <= t < math.inf, "temperature", "a finite number of at least 0")
        inputs.number(seed, lambda seed: seed == int(seed), "seed", "a whole number")
        return [
            temperature * tf.random.stateless_normal((n, *shape), [seed, number], dtype=self.compute_dtype)
            for number, shape in enumerate(self.latent_shapes)
        ]

    def sample(self, n: int, temperature: float = 1.0, seed: int = 0) -> tf.Tensor:
        """Returns n samples x, `[n, H, W, C]`, of latents N(0, temperature²·I).

        Args:
          n: at least 1.
          temperature: the standard deviation of the latents; at 0 all samples are the same.
          seed: the same seed gives the same samples, and so does the default: two calls without one return equal
            tensors. For others give another seed; `as_distribution().sample(n)` draws anew at each call.
        """
        return self.decode(self.sample_latents(n, temperature, seed))

    def singular_values(self) -> dict[str, np.ndarray]:
        """Returns the singular values of all matrices by name, `[K, n]`: of each step's W, or of all frequencies' M."""
        return {
            f"{level.name}/{name}": values for level in self.levels for name, values in level.singular_values().items()
        }

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Keras' own entry: `log_prob`."""
        return self.log_prob(x)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Keras' own: `[B, H, W, C]` to `[B]`."""
        return tuple(input_shape[:1])

    def draw(self) -> list[tf.Variable]:
        """Draws the weights of the networks, which `drawn_later` left out, or draws them again; returns them."""
        repeated = (layer for layer in self._flatten_layers() if isinstance(layer, Repeated))
        return [variable for layer in repeated for variable in layer.draw()]

    def initialize(self, x: tf.Tensor, average=tf.identity, draw: bool = False) -> None:
        """Data-dependent initialization from the batch x; layers that were initialized before stay as they are.

        Args:
          x: `[B, H, W, C]` in [0, 1).
          average: returns a tensor's mean over all workers.
          draw: whether to `draw` before; that takes a core while tracing takes another.
        """
        x = self.take(x)

        @tf.function(autograph=False)  # depth is a loop: to trace it takes less time than K eager steps
        def run(x):
            with data_dependent_initialization(average):
                self.encode(x)

        if not draw:
            run(x)
            return
        with beside(self.draw):
            traced = run.get_concrete_function(x)
        traced(x)

    def as_bijector(self) -> tfp.bijectors.Bijector:
        """Returns a `tfb.Bijector` from images `[H, W, C]` to all latents as one vector `[H·W·C]`."""
        from flowconv.bijectors.probability import KerasBijector

        sizes = [math.prod(shape) for shape in self.latent_shapes]

        @full_precision()
        def forward_and_log_det(x):
            latents, log_det = self.encode_and_log_det(x)
            return tf.concat([tf.reshape(z, [-1, n]) for z, n in zip(latents, sizes, strict=True)], 1), log_det

        @full_precision()
        def inverse_and_log_det(z):
            parts = zip(tf.split(z, sizes, axis=1), self.latent_shapes, strict=True)
            return self.decode_and_log_det([tf.reshape(part, [-1, *shape]) for part, shape in parts])

        return KerasBijector(
            forward_and_log_det,
            inverse_and_log_det,
            self.image_shape,
            (self.dimensions,),
            self,
        )

    def as_distribution(self) -> tfp.distributions.Distribution:
        """Returns the density of images as a `tfd.Distribution` over events `[H, W, C]`.

        Outside of the support `log_prob` is −∞, as in TFP.
        """
        from tensorflow_probability import bijectors as tfb
        from tensorflow_probability import distributions as tfd

        from flowconv.bijectors.probability import Density

        zeros = tf.zeros([self.dimensions], self.compute_dtype)
        normal = tfd.MultivariateNormalDiag(loc=zeros, scale_diag=tf.ones_like(zeros))
        return Density(normal, tfb.Invert(self.as_bijector()), self._take_floats, self._within_support, self.name)
