"""Objects that Keras can save, load and copy: they remember the arguments of their constructors."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any, Self

import keras


class Configured:
    """A base class of parts of a flow whose configuration is their constructor's arguments.

    A subclass needs no `get_config` of its own, and is registered with Keras under its package and name. Arguments
    are numbers, text, sequences of them, other configured objects, or Keras' own layers.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        keras.saving.register_keras_serializable(cls.__module__.partition(".")[0])(cls)
        if "__init__" in vars(cls):
            cls.__init__ = _remembering(cls.__init__)  # type: ignore[method-assign]

    def settings(self) -> dict[str, Any]:
        """Returns the constructor's arguments by name, without those of every layer."""
        kept = vars(self).get("_settings")
        return dict(kept.values) if kept else {}

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` makes an equal object of."""
        base = {}
        if isinstance(self, keras.layers.Layer):
            base = {"name": self.name, "dtype": keras.saving.serialize_keras_object(self.dtype_policy)}
        return base | {name: _serialized(value) for name, value in self.settings().items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Returns the object of such a configuration."""
        return cls(**{name: _deserialized(value) for name, value in config.items()})


def _serialized(value: Any) -> Any:
    """The configuration of an argument, without the shapes that it was built for: who has it builds it."""
    if isinstance(value, (list, tuple)):
        return [_serialized(each) for each in value]
    found = keras.saving.serialize_keras_object(value)
    return {name: each for name, each in found.items() if name != "build_config"} if isinstance(found, dict) else found


def _deserialized(value: Any) -> Any:
    if isinstance(value, dict) and "class_name" in value:
        return keras.saving.deserialize_keras_object(value)
    return [_deserialized(each) for each in value] if isinstance(value, (list, tuple)) else value


def _remembering(init: Callable[..., None]) -> Callable[..., None]:
    """Returns a constructor that keeps the arguments of the outermost one: a base class is called with others."""
    signature = inspect.signature(init)

    @functools.wraps(init)
    def remember(self: Configured, *arguments: Any, **keywords: Any) -> None:
        if "_settings" not in vars(self):
            bound = signature.bind(self, *arguments, **keywords)
            bound.apply_defaults()
            settings = dict(list(bound.arguments.items())[1:])
            settings |= settings.pop("kwargs", {})
            kept = {name: value for name, value in settings.items() if name not in ("name", "dtype")}
            # Keras looks for layers to track and to save in every attribute but such a one.
            object.__setattr__(self, "_settings", types.SimpleNamespace(values=kept))
        init(self, *arguments, **keywords)

    remember.__signature__ = signature  # type: ignore[attr-defined]  # which Keras looks at
    return remember
