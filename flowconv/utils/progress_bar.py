"""Progress of what is not training: data preparation, passes over a split, drawing."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
PATIENCE = 3.0  # seconds without a word
INTERVAL = 30.0  # seconds between lines


def progress(
    items: Iterable[Item], total: int | None, description: str, unit: str = "images", visible: bool = True
) -> Iterator[Item]:
    """Yields `items`; after three seconds, shows a bar on stderr, or if that is no terminal a line now and then.

    Args:
      items: what is gone through.
      total: how many there are, None where nobody knows.
      description: of the pass.
      unit: what they are.
      visible: False for a worker that keeps silent.
    """
    if not visible:
        yield from items
        return
    if sys.stderr.isatty():
        yield from tqdm(items, desc=description, total=total, unit=f" {unit}", delay=PATIENCE, leave=False)
        return
    due = time.monotonic() + PATIENCE
    for number, item in enumerate(items):
        if time.monotonic() > due:
            print(f"{description}: {number:,}{f'/{total:,}' if total else ''} {unit}", file=sys.stderr, flush=True)
            due = time.monotonic() + INTERVAL
        yield item
