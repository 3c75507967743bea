"""Checks of functions whose gradients are computed by hand: they use nothing but their arguments."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import keras
import tensorflow as tf

from flowconv.ops.custom_gradient import custom_gradient


@contextlib.contextmanager
def closed(layer: keras.layers.Layer, known: Sequence[tf.Tensor], backward: str) -> Iterator[None]:
    """Within it, in the body of a loop in a graph, a layer may use nothing but what was used before, or is `known`.

    Raises:
      ValueError: if it does, naming the tensor or the variable.
    """
    graph = tf.compat.v1.get_default_graph()
    allowed = {id(tensor) for tensor in [*_captures(graph), *known]}
    yield
    _refuse(layer, graph, allowed, backward)


def check_closed(
    function: Callable[..., Any], arguments: Sequence[tf.Tensor], layer: keras.layers.Layer, backward: str
) -> None:
    """Checks eagerly that a function of a layer's uses its arguments alone, by a graph of it; raises as `closed`."""
    graph = tf.function(function, autograph=False).get_concrete_function(*arguments).graph
    _refuse(layer, graph, set(), backward)


def refuse_variables(variables: Sequence[tf.Variable], backward: str) -> None:
    """Raises a ValueError that names the first of these variables, if there are any, which a step uses."""
    if variables:
        raise ValueError(_sentence(variables[0].name, backward))


def first_order(gradients: Sequence[tf.Tensor], backward: str) -> list[tf.Tensor]:
    """Returns gradients that can't be differentiated again: a tape that is asked to raises a ValueError."""

    @custom_gradient
    def identity(*gradients: tf.Tensor) -> Any:
        def second(*_: tf.Tensor) -> NoReturn:
            raise ValueError(
                f"backward={backward!r} has first derivatives alone: for second ones build with backward='store', and "
                f"take them eagerly (a persistent tape, or one within another, asks a tf.function for them, too)"
            )

        return [*map(tf.identity, gradients)], second

    return identity(*gradients)


def _captures(graph: tf.Graph) -> Sequence[tf.Tensor]:
    return getattr(graph, "external_captures", [])


def _refuse(layer: keras.layers.Layer, graph: tf.Graph, allowed: set[int], backward: str) -> None:
    for tensor in _captures(graph):
        differentiable = tensor.dtype.is_floating or tensor.dtype.is_complex or tensor.dtype == tf.resource
        if differentiable and id(tensor) not in allowed:
            raise ValueError(_sentence(_name(tensor, layer, graph), backward))


def _sentence(name: str, backward: str) -> str:
    return (
        f"a step of Repeated uses {name}, which is neither its input nor a variable of its own: backward={backward!r} "
        f"would leave out its gradient. Make it a variable by add_weight, or build with backward='store'"
    )


def _name(tensor: tf.Tensor, layer: keras.layers.Layer, graph: tf.Graph) -> str:
    while graph is not None:
        for variable in getattr(graph, "variables", ()):
            if variable.handle is tensor:
                return variable.name
        graph = getattr(graph, "outer_graph", None)
    for part in layer._flatten_layers():
        for attribute, value in vars(part).items():
            if id(tensor) in (id(value), id(getattr(value, "handle", None))):
                return f"{part.name}.{attribute}"
    name = "" if isinstance(tensor, tf.__internal__.EagerTensor) else f"{tensor.name}, "
    return f"{name}a {tensor.dtype.name} tensor of shape {tensor.shape}"
