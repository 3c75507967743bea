"""The outputs of a flow's layers, one by one."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import tensorflow as tf

from flowconv.bijectors import Bijector, Chain, MultiScale, Repeated, Split
from flowconv.core.inputs import NONE, Inputs
from flowconv.models import Flow


@dataclass(frozen=True)
class LayerOutput:
    """One layer's input and output.

    Attributes:
      path: its location, as "level_1/steps 3/actnorm".
      layer: it has the values of its step while it is visited.
      x, y: input and output, `[B, H, W, C]`; a split's output is a pair.
      log_det: `[B]`, nats.
    """

    path: str
    layer: Bijector
    x: tf.Tensor
    y: tf.Tensor
    log_det: tf.Tensor


def layer_outputs(flow: Flow, x: tf.Tensor, inputs: Inputs = NONE) -> Iterator[LayerOutput]:
    """Evaluates a flow at x `[B, H, W, C]` in [0, 1), and yields each layer that is no composition of others."""
    yield from _visit(flow.bijector, "", tf.cast(x, flow.compute_dtype), inputs)


def level_outputs(flow: Flow, x: tf.Tensor, inputs: Inputs = NONE) -> Iterator[tuple[Bijector, tf.Tensor, tf.Tensor]]:
    """Evaluates a flow at x `[B, H, W, C]` in [0, 1), and yields each level with its input and output."""
    x = tf.cast(x, flow.compute_dtype)
    for _, part in flow.bijector.children():
        for _, layer in part.children() if isinstance(part, MultiScale) else [("", part)]:
            y = layer.forward(x, inputs)
            if isinstance(part, MultiScale) and not isinstance(layer, Split):
                yield layer, x, y
            x = y[0] if isinstance(layer, Split) else y


def repeated_layers(flow: Flow) -> list[Repeated]:
    """Returns the loops of a flow, in order."""
    return [part for part in _parts(flow.bijector) if isinstance(part, Repeated)]


def _parts(layer):
    """A layer and all that it is made of, but for the steps of loops."""
    inner = [] if isinstance(layer, Repeated) else [part for _, child in layer.children() for part in _parts(child)]
    return [layer, *inner]


def _is_plain(layer, kind):
    """Whether a layer is a composition of this kind, without a forward of its own."""
    return isinstance(layer, kind) and type(layer).forward_and_log_det is kind.forward_and_log_det


def _visit(layer: Bijector, path: str, x: tf.Tensor, inputs: Inputs) -> Generator[LayerOutput, None, tf.Tensor]:
    if isinstance(layer, Repeated):
        for k in range(layer.depth):
            with layer.bind(layer.slices(k)):
                x = yield from _visit(layer.step(), f"{path} {k}", x, inputs)
    elif _is_plain(layer, Chain) or _is_plain(layer, MultiScale):
        for name, part in layer.children():
            inside = path if isinstance(part, MultiScale) else f"{path}/{name}".strip("/")
            x = yield from _visit(part, inside, x, inputs)
            x = x[0] if isinstance(part, Split) else x
    else:
        y, log_det = layer.forward_and_log_det(x, inputs)
        yield LayerOutput(path, layer, x, y, log_det)
        x = y
    return x
