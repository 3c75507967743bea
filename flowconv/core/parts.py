"""Parts that are found by the name of their file."""

import importlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from flowconv.config import nearest


def names_in(folder: ModuleType) -> tuple[str, ...]:
    """Returns the names of the parts in a folder: those of its files that don't begin with an underscore."""
    return tuple(sorted(path.stem for path in Path(folder.__file__).parent.glob("[!_]*.py")))


def part_class(folder: ModuleType, name: str, base: type, setting: str) -> type:
    """Returns the class of a part: the one public subclass of `base` that its file defines.

    Raises:
      ValueError: if there is no such file, or not one such class in it.
    """
    names = names_in(folder)
    if name not in names:
        raise ValueError(f"{setting} must be one of {', '.join(names)}, got {name!r}{nearest(name, names)}")
    module = importlib.import_module(f"{folder.__name__}.{name}")
    own = [
        value
        for key, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, base)
        and value.__module__ == module.__name__
        and not key.startswith("_")
    ]
    if len(own) != 1:
        raise ValueError(f"{module.__file__} must hold one public {base.__name__}, and holds {len(own)}")
    return own[0]


def build_part(
    folder: ModuleType,
    name: str,
    base: type,
    setting: str,
    fields: Mapping[str, Any],
    known: tuple[str, ...] = (),
    /,
    **kwargs: Any,
) -> Any:
    """Returns a part, given those of `fields` that are keywords of its constructor, and `kwargs`.

    Raises:
      ValueError: if there is no such part, or a field that neither it has nor is among the `known` ones.
    """
    make = part_class(folder, name, base, setting)
    used = _keywords(make)
    for field in fields:
        if field not in (*used, *known):
            raise ValueError(f"{name} has no {field}{nearest(field, (*known, *used))}")
    return make(**{field: value for field, value in fields.items() if field in used}, **kwargs)


def keywords_in(folder: ModuleType, base: type) -> set[str]:
    """Returns the keywords of the constructors of all parts in a folder."""
    return {keyword for name in names_in(folder) for keyword in _keywords(part_class(folder, name, base, ""))}


def _keywords(make):
    return [keyword for keyword in inspect.signature(make).parameters if keyword not in ("args", "kwargs")]
