"""Progress of what is usually done before anyone looks."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
PATIENCE = 3.0  # seconds without a word


def progress(items: Iterable[Item], total: int | None, description: str, unit: str = "images") -> Iterator[Item]:
    """Yields `items`; after three seconds, shows a bar on stderr, or one line if that is no terminal.

    `total` is None where nobody knows how many there will be.
    """
    if sys.stderr.isatty():
        yield from tqdm(items, desc=description, total=total, unit=f" {unit}", delay=PATIENCE, leave=False)
        return
    silent_until = time.monotonic() + PATIENCE
    for item in items:
        if time.monotonic() > silent_until:
            print(f"{description}{f': {total:,} {unit}' if total else ''} ...", file=sys.stderr, flush=True)
            silent_until = float("inf")
        yield item
