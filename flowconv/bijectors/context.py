"""What holds within a block, in its thread alone: another may trace or initialize at the same time."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any


@contextlib.contextmanager
def within(variable: ContextVar, value: Any) -> Iterator[None]:
    """Within it, or in a function that it decorates, the variable has this value; then again the one before."""
    before = variable.set(value)
    try:
        yield
    finally:
        variable.reset(before)
