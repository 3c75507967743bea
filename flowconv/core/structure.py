"""The structure of a flow as text."""

from __future__ import annotations

from typing import Any

from flowconv.core.serialization import Configured


def described(flow: Any) -> str:
    """Returns a line for each part of a flow, with its settings, its shapes and its number of weights."""
    lines = [f"{type(flow).__name__} {flow.name}: images {list(flow.image_shape)}, {flow.parameters:,} parameters"]
    lines += _lines(flow.condition, "", 1) if flow.is_conditional else []
    lines += _lines(flow.dequantization, "", 1)
    lines += _lines(flow.bijector, "", 1)
    lines += _lines(flow.base, "", 1)
    return "\n".join(lines)


def _lines(part: Any, place: str, depth: int) -> list[str]:
    """The lines of a part and of what it is made of."""
    children = part.children() if hasattr(part, "children") else []
    if not children:
        children = [(name, value) for name, value in _parts(part)]
    own = f"{place}: " if place and place != type(part).__name__.lower() else ""
    lines = [f"{'  ' * depth}{own}{type(part).__name__}{_settings(part)}{_shapes(part)}"]
    for name, child in children:
        lines += _lines(child, name, depth + 1)
    return lines


def _settings(part: Any) -> str:
    """The settings that are numbers or text, in parentheses."""
    plain = {name: value for name, value in part.settings().items() if isinstance(value, int | float | str | bool)}
    return f"({', '.join(f'{name}={value!r}' for name, value in plain.items())})" if plain else ""


def _parts(part: Any) -> list[tuple[str, Configured]]:
    """The settings that are parts themselves."""
    return [(name, value) for name, value in part.settings().items() if isinstance(value, Configured)]


def _shapes(part: Any) -> str:
    """The shape of a bijector's input, and of its output if that is another one."""
    if not hasattr(part, "forward_and_log_det") or not getattr(part, "built", False):
        return ""
    config = part.get_build_config()
    shape = tuple(config["input_shape"][-3:]) if config else (None,)
    if None in shape:
        return ""
    after = part.compute_output_shape((None, *shape))
    after = [tuple(each[1:]) for each in after] if isinstance(after[0], tuple) else [tuple(after[1:])]
    text = f"  {list(shape)}"
    return text if after == [shape] else f"{text} → {', '.join(str(list(each)) for each in after)}"
