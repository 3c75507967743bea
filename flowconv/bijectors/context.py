"""What holds within a block, in its thread alone: another may trace or initialize at the same time."""

import contextlib
import functools
from collections.abc import Callable, Iterator
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


def as_now(function: Callable, *variables: ContextVar) -> Callable:
    """Returns the function, to be called later with the values that the variables have now."""
    values = [variable.get() for variable in variables]

    @functools.wraps(function)
    def call(*arguments, **keywords):
        with contextlib.ExitStack() as stack:
            for variable, value in zip(variables, values, strict=True):
                stack.enter_context(within(variable, value))
            return function(*arguments, **keywords)

    return call
