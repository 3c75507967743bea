"""Composition of bijectors."""

import itertools
from collections.abc import Sequence

from flowconv.bijectors.bijector import Bijector
from flowconv.bijectors.initialization import initializing
from flowconv.bijectors.pixelwise_affine import Together


class Chain(Bijector):
    """y = f_n(… f_2(f_1(x))): the layers in the order in which they are applied to data.

    (TFP's `tfb.Chain` lists them the other way round.) Inverse: the inverses in reverse order.
    Log-determinant: the sum. Neighbours that are affine at every pixel are computed as one, chains within seen through.
    A subclass with a forward or an inverse of its own forbids that: `flat = Bijector.flat`.
    """

    def __init__(self, layers: Sequence[Bijector], **kwargs):
        super().__init__(**kwargs)
        self.layers = list(layers)

    def build(self, input_shape):
        shape = tuple(input_shape)
        for layer in self.layers:
            layer.build(shape)
            shape = shape[:-3] + layer.forward_shape(shape[-3:])

    def forward_shape(self, shape):
        for layer in self.layers:
            shape = layer.forward_shape(shape)
        return shape

    def parts(self) -> list[Bijector | Together]:
        """Returns what is computed one after the other: the layers, neighbours that are pixelwise affine together."""
        if initializing():  # each sees its own input
            return self.layers
        parts = []
        for affine, layers in itertools.groupby(Chain.flat(self), key=lambda layer: layer.pixelwise_affine):
            layers = list(layers)
            parts += [Together(tuple(layers))] if affine and len(layers) > 1 else layers
        return parts

    def flat(self):
        return [flat for layer in self.layers for flat in layer.flat()]

    def forward_and_log_det(self, x):
        total = 0.0
        for layer in self.parts():
            x, log_det = layer.forward_and_log_det(x)
            total += log_det
        return x, total

    def inverse_and_log_det(self, y):
        total = 0.0
        for layer in reversed(self.parts()):
            y, log_det = layer.inverse_and_log_det(y)
            total += log_det
        return y, total

    def singular_values(self):
        return {
            f"{layer.name}/{name}": values for layer in self.layers for name, values in layer.singular_values().items()
        }

    def inverse_and_gradients(self, y, dy, dlog_det):
        gradients = {}
        for layer in reversed(self.parts()):
            y, dy, own = layer.inverse_and_gradients(y, dy, dlog_det)
            gradients |= own
        return y, dy, gradients
