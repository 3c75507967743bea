"""Cost of one invertible convolution, alone."""

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from benchmarks.timing import timed
from flowconv.bijectors import build_convolution
from flowconv.bijectors.autoregressive_convolution import AutoregressivePair
from flowconv.utils.progress_bar import progress

SHAPES = ((64, 16, 16, 12), (64, 16, 16, 48), (16, 64, 64, 24))


def cost_layers(names: Sequence[str], kernel_size: int, rounds: int) -> list[dict]:
    """Measures invertible convolutions, and a standard convolution of the same kernel size, one layer alone.

    Args:
      names: of the convolutions.
      kernel_size: of those that have one.
      rounds: alternated ones.

    Returns:
      For each shape `[B, H, W, C]` and layer: layer, shape, parameters, and milliseconds (medians of alternated
      rounds of ten calls) of forward, inverse and log-determinant alone; None where a layer has no such thing.
    """
    return [row for shape in SHAPES for row in _cost(shape, names, kernel_size, rounds)]


def _cost(shape, names, kernel_size, rounds):
    x = tf.random.stateless_normal(shape, [0, 0])
    actions, parameters = {}, {}
    layers = {name: build_convolution(name, {"kernel_size": kernel_size}) for name in names}
    if "emerging" in names:
        layers["emerging without its 1×1"] = AutoregressivePair(kernel_size)
    for name, layer in layers.items():
        layer.build((None, *shape[1:]))
        parameters[name] = sum(math.prod(variable.shape) for variable in layer.trainable_variables)
        actions[name] = {
            "forward": _traced(layer.forward, x),
            "inverse": _traced(layer.inverse, x),
            "log_det": _traced(layer.forward_log_det_jacobian, x),
        }
    standard = f"standard {kernel_size}×{kernel_size}"
    convolution = keras.layers.Conv2D(shape[-1], kernel_size, padding="same")
    convolution.build(shape)
    parameters[standard] = convolution.count_params()
    actions[standard] = {"forward": _traced(convolution, x)}

    milliseconds = {name: {what: [] for what in does} for name, does in actions.items()}
    for _ in progress(range(rounds), rounds, f"measuring layers at {'×'.join(map(str, shape))}", "rounds"):
        for name, does in actions.items():
            for what, act in 10 * list(does.items()):
                milliseconds[name][what].append(1e3 * timed(act))
    return [
        {"layer": name, "shape": list(shape), "parameters": parameters[name]}
        | {f"{what}_ms": _median(milliseconds[name].get(what)) for what in ("forward", "inverse", "log_det")}
        for name in actions
    ]


def _traced(function: Callable, x: tf.Tensor) -> Callable:
    # The sum, so that what is waited for is the result and not a copy of it.
    graph = tf.function(lambda x: tf.reduce_sum(function(x)), autograph=False)
    graph(x)
    return lambda: graph(x)


def _median(values):
    return float(np.median(values)) if values else None
