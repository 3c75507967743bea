"""Dequantization: from images of bytes to real numbers, and back."""

import operator
from typing import Any

import numpy as np
import tensorflow as tf

from flowconv.core import arguments
from flowconv.core.inputs import Inputs
from flowconv.core.layer import Layer
from flowconv.core.network import Average
from flowconv.ops.random import Seed


class Dequantization(Layer):
    """A surjection of x in [0, 1) to images: x = (level + u) / 2^n_bits, with u in [0, 1) of a density q(u | image).

    log P(image) ≥ E_q[log p(x) − log q(u | image)] − D·n_bits·log 2, D the numbers in an image (Theis et al. 2016; Ho
    et al. 2019). A subclass writes `forward_and_log_density`.

    Args:
      n_bits: bits that are kept of each uint8 number: its level.

    Attributes:
      noise: the kind of u, by which results tell what their bits/dim are.
      training_unit: of the loss that a training step gives.
      training_figure: by which name metrics and exported steps have it.
      leaves_cells: whether x leaves the cell of its level, and [0, 1), in training.

    Example:
      >>> import tensorflow as tf
      >>> from flowconv.core.dequantization import Dequantization
      >>> from flowconv.surjections.uniform import UniformDequantization
      >>> layer = UniformDequantization(n_bits=5)
      >>> x = layer.add(tf.constant([[[[200]]]], tf.uint8), tf.constant(0.5))
      >>> isinstance(layer, Dequantization), float(x[0, 0, 0, 0]), int(layer.inverse(x)[0, 0, 0, 0])
      (True, 0.796875, 206)
    """

    noise = "dequantization"
    training_unit = "bits/dim"
    training_figure = "bits_per_dim"
    leaves_cells = False

    def __init__(self, n_bits: int = 8, **kwargs: Any):
        super().__init__(**kwargs)
        arguments.number(n_bits, lambda bits: 1 <= operator.index(bits) <= 8, "n_bits", "a whole number from 1 to 8")
        self.n_bits = n_bits

    def forward_and_log_density(self, images: tf.Tensor, inputs: Inputs) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns x, and log q(u | image) `[B]`, nats, of a draw of u by `inputs.seed`.

        Args:
          images: uint8 `[B, H, W, C]`.
          inputs: with the seed of the batch.
        """
        raise NotImplementedError

    def initialize(self, images: tf.Tensor, inputs: Inputs, average: Average) -> tf.Tensor:
        """Sets data-dependent weights from a batch, unless that was done before; returns x."""
        return self.forward_and_log_density(images, inputs)[0]

    def seed_of(self, inputs: Inputs) -> Seed:
        """Returns the seed of the batch, by which noise is drawn.

        Raises:
          ValueError: if there is none.
        """
        if inputs.seed is None:
            raise ValueError(f"{self.name}: expected a seed in its inputs, as Inputs(seed=Seed(0)), got none")
        return inputs.seed

    def flow_of_noise(self, images: tf.Tensor, inputs: Inputs) -> tuple[Any, tf.Tensor, Inputs] | None:
        """Returns the bijector that makes the noise, with its own input and inputs; None of noise that isn't a flow's.

        Args:
          images, inputs: as of `forward_and_log_density`.
        """
        return None

    def singular_values(self) -> dict[str, np.ndarray]:
        """Returns the singular values of all matrices by name, `[K, n]`; none of noise that isn't a flow's."""
        return {}

    def add(self, images: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Returns x = (level + noise) / 2^n_bits, within the cell of the level, in the noise's dtype.

        Args:
          images: uint8 `[B, H, W, C]`; of each pixel the `n_bits` highest bits are its level.
          noise: in [0, 1), the shape of images, or a scalar: ½ for the middle of each level.
        """
        levels = tf.bitwise.right_shift(images, tf.constant(8 - self.n_bits, images.dtype))
        levels = tf.cast(levels, noise.dtype)
        # A large level and much noise round up to the next level: this is the last number below that.
        last = (levels + 1.0) * (1.0 - np.finfo(noise.dtype.as_numpy_dtype).eps / 2.0)
        return tf.minimum(levels + noise, last) / 2.0**self.n_bits

    def inverse(self, x: tf.Tensor) -> tf.Tensor:
        """Returns uint8 images of x: the levels floor(x·2^n_bits), within range, spread evenly over 0 to 255."""
        top = 2.0**self.n_bits - 1.0
        levels = tf.clip_by_value(tf.floor(x * (top + 1.0)), 0.0, top)
        return tf.cast(tf.round(levels * (255.0 / top)), tf.uint8)
