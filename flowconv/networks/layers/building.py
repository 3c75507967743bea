"""Layers that are built where they are made."""

from typing import Any, TypeVar

from flowconv.core.layer import Layer

L = TypeVar("L", bound=Layer)


def built(layer: L, input_shape: tuple[Any, ...]) -> L:
    """Returns the layer, built for inputs of this shape."""
    layer.build(input_shape)
    return layer
