"""Layers that apply one affine map at every pixel: neighbours are computed as one."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import tensorflow as tf

from flowconv.bijectors.bijector import Bijector, Gradients, backpropagate
from flowconv.core.inputs import NONE, Inputs
from flowconv.ops.affine_map import AffineMap
from flowconv.ops.shapes import per_example, pixels


class PerPixelAffine(Bijector):
    """y_ij = A x_ij + b, the same at every pixel. A layer writes `affine`, `inverse_affine`, `log_abs_det`."""

    is_per_pixel_affine = True

    def affine(self) -> AffineMap:
        """Returns A and b."""
        raise NotImplementedError

    def inverse_affine(self) -> AffineMap:
        """Returns A⁻¹ and −A⁻¹ b."""
        raise NotImplementedError

    def log_abs_det(self) -> tf.Tensor:
        """Returns log |det A|, nats."""
        raise NotImplementedError

    def log_det(self, x: tf.Tensor) -> tf.Tensor:
        """Returns H·W·log |det A| for images of the size of x, `[B]`, nats."""
        return per_example(pixels(x) * self.log_abs_det(), x)

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return inputs.once(self.affine).apply(x), self.log_det(x)

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        return inputs.once(self.inverse_affine).apply(y), -self.log_det(y)


@dataclass(frozen=True)
class FusedAffine:
    """Several consecutive per-pixel affine layers, fused: one product of matrices instead of a pass for each layer.

    Owns no weights.
    """

    layers: tuple[PerPixelAffine, ...]

    def forward_and_log_det(self, x: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns y and the sum of the layers' log-determinants, as a bijector does."""
        return inputs.once(self._affine).apply(x), self._log_det(x, inputs)

    def inverse_and_log_det(self, y: tf.Tensor, inputs: Inputs = NONE) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns x and the sum of the inverses' log-determinants, as a bijector does."""
        return inputs.once(self._inverse_affine).apply(y), -self._log_det(y, inputs)

    def inverse_and_gradients(
        self, y: tf.Tensor, dy: tf.Tensor, dlog_det: tf.Tensor, inputs: Inputs = NONE
    ) -> tuple[tf.Tensor, Gradients]:
        """Backpropagates from the output, as a bijector does."""
        x = tf.stop_gradient(self.inverse_and_log_det(y)[0])
        variables = [variable for layer in self.layers for variable in layer.trainable_variables]
        return x, backpropagate(self.forward_and_log_det, variables, x, dy, dlog_det, inputs)

    def _affine(self) -> AffineMap:
        return functools.reduce(AffineMap.then, (layer.affine() for layer in self.layers))

    def _inverse_affine(self) -> AffineMap:
        return functools.reduce(AffineMap.then, (layer.inverse_affine() for layer in reversed(self.layers)))

    def _log_abs_det(self) -> tf.Tensor:
        return tf.add_n([layer.log_abs_det() for layer in self.layers])

    def _log_det(self, x: tf.Tensor, inputs: Inputs) -> tf.Tensor:
        return per_example(pixels(x) * inputs.once(self._log_abs_det), x)
