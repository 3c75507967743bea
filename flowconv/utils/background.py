"""A function in a background thread."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any


@contextlib.contextmanager
def run_in_background(function: Callable, *arguments: Any) -> Iterator[None]:
    """Runs a function in a thread while a block executes, then waits for it and raises what it raised.

    Python's work takes one core, TensorFlow's another.
    """
    with ThreadPoolExecutor(1) as thread:
        called = thread.submit(function, *arguments)
        yield
        called.result()
