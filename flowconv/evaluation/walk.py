"""Through a flow, layer by layer."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import tensorflow as tf

from flowconv.bijectors import Bijector, Chain, Repeated
from flowconv.models import Flow


@dataclass(frozen=True)
class Visit:
    """One layer's turn.

    Attributes:
      place: where it stands, as "level_0/steps 3/actnorm".
      layer: it has the values of its step while it is visited.
      x, y: input and output, `[B, H, W, C]`.
      log_det: `[B]`, nats.
    """

    place: str
    layer: Bijector
    x: tf.Tensor
    y: tf.Tensor
    log_det: tf.Tensor


def walk(flow: Flow, x: tf.Tensor) -> Iterator[Visit]:
    """Evaluates a flow at x `[B, H, W, C]` in [0, 1), and yields each layer that is no composition of others."""
    x = yield from _visit(flow.preprocessing, flow.preprocessing.name, tf.cast(x, flow.compute_dtype))
    for number, level in enumerate(flow.levels):
        x = yield from _visit(level, level.name, x)
        if number < len(flow.splits):
            (x, _), _ = flow.splits[number].forward_and_log_det(x)


def repeated_layers(flow: Flow) -> list[Repeated]:
    """Returns the loops of a flow, in order."""
    return [layer for level in flow.levels for layer in level.flat() if isinstance(layer, Repeated)]


def _visit(layer: Bijector, place: str, x: tf.Tensor) -> Generator[Visit, None, tf.Tensor]:
    if isinstance(layer, Repeated):
        for k in range(layer.depth):
            with layer.lend(layer.slices(k)):
                x = yield from _visit(layer.step(), f"{place} {k}", x)
    elif isinstance(layer, Chain) and type(layer).forward_and_log_det is Chain.forward_and_log_det:
        for part in layer.layers:
            x = yield from _visit(part, f"{place}/{part.name}", x)
    else:
        y, log_det = layer.forward_and_log_det(x)
        yield Visit(place, layer, x, y, log_det)
        x = y
    return x
