"""Two things at the same time."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor


@contextlib.contextmanager
def beside(function: Callable, *arguments) -> Iterator[None]:
    """While a block runs, calls a function in a thread; at its end that is done, or raises what the function raised.

    Python's work takes one core, TensorFlow's another.
    """
    with ThreadPoolExecutor(1) as thread:
        called = thread.submit(function, *arguments)
        yield
        called.result()
