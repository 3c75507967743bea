"""Layers that do the same affine map at every pixel: neighbours are computed as one."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector, per_example, pixels
from flowconv.bijectors.side_by_side import shared


class Affine(NamedTuple):
    """x_ij ↦ A x_ij + b. The matrix A is `[C, C]`, or its diagonal, `[C]` or `[H, W, C]`; b is as a diagonal is."""

    matrix: tf.Tensor
    bias: tf.Tensor

    def apply(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the map of every pixel of x `[B, H, W, C]`."""
        if self.matrix.shape.rank != 2:
            return x * self.matrix + self.bias
        rows = tf.matmul(tf.reshape(x, [-1, x.shape[-1]]), self.matrix, transpose_b=True)
        return tf.reshape(tf.nn.bias_add(rows, self.bias), tf.shape(x))

    def then(self, after: Affine) -> Affine:
        """Returns this map and `after` in one."""
        if after.matrix.shape.rank == 1:
            rows = after.matrix[:, None] if self.matrix.shape.rank == 2 else after.matrix
            return Affine(rows * self.matrix, after.matrix * self.bias + after.bias)
        matrix = after.matrix * self.matrix if self.matrix.shape.rank == 1 else after.matrix @ self.matrix
        return Affine(matrix, tf.linalg.matvec(after.matrix, self.bias) + after.bias)


class PixelwiseAffine(Bijector):
    """y_ij = A x_ij + b, the same at every pixel. A layer writes `affine`, `inverse_affine`, `log_abs_det`."""

    pixelwise_affine = True

    def affine(self) -> Affine:
        """Returns A and b."""
        raise NotImplementedError

    def inverse_affine(self) -> Affine:
        """Returns A⁻¹ and −A⁻¹ b."""
        raise NotImplementedError

    def log_abs_det(self) -> tf.Tensor:
        """Returns log |det A|, nats."""
        raise NotImplementedError

    def log_det(self, x: tf.Tensor) -> tf.Tensor:
        """Returns H·W·log |det A| for images of the size of x, `[B]`, nats."""
        return per_example(pixels(x) * self.log_abs_det(), x)

    def forward_and_log_det(self, x):
        return self.affine().apply(x), self.log_det(x)

    def inverse_and_log_det(self, y):
        return self.inverse_affine().apply(y), -self.log_det(y)


@dataclass(frozen=True)
class Together:
    """Pixelwise affine layers, one after the other, as one: a view of them, not a layer, without weights of its own.

    Forward, inverse and gradient are a product of matrices each, in the place of a pass over the images for each layer.
    """

    layers: tuple[PixelwiseAffine, ...]

    @property
    def trainable_variables(self) -> list:
        """Those of all the layers."""
        return [variable for layer in self.layers for variable in layer.trainable_variables]

    @shared
    def affine(self) -> Affine:
        """As `PixelwiseAffine` has it."""
        return functools.reduce(Affine.then, (layer.affine() for layer in self.layers))

    @shared
    def inverse_affine(self) -> Affine:
        """As `PixelwiseAffine` has it."""
        return functools.reduce(Affine.then, (layer.inverse_affine() for layer in reversed(self.layers)))

    @shared
    def log_abs_det(self) -> tf.Tensor:
        """As `PixelwiseAffine` has it."""
        return tf.add_n([layer.log_abs_det() for layer in self.layers])

    log_det = PixelwiseAffine.log_det
    forward_and_log_det = inspect.unwrap(PixelwiseAffine.forward_and_log_det)  # no layer: it was looked at before
    inverse_and_log_det = inspect.unwrap(PixelwiseAffine.inverse_and_log_det)
    inverse = Bijector.inverse
    gradients = Bijector.gradients
    inverse_and_gradients = Bijector.inverse_and_gradients
