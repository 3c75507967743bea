"""Progress of what is not training: data preparation, passes over a split, tracing, drawing, saving."""

import contextlib
import sys
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

from flowconv.words import duration, printable

Item = TypeVar("Item")
PATIENCE = 3.0  # seconds without a word
INTERVAL = 30.0  # seconds between lines
REFRESH = 1.0  # seconds between two looks at a bar


def progress(
    items: Iterable[Item], total: int | None, description: str, unit: str = "images", visible: bool = True
) -> Generator[Item, None, None]:
    """Yields `items`; after three seconds, shows a bar on stderr, or if that is no terminal a line now and then.

    A thread does so, also while one item takes long.

    Args:
      items: what is gone through.
      total: how many there are, None where nobody knows.
      description: of the pass.
      unit: what they are.
      visible: False for a worker that keeps silent.
    """
    description = printable(description)
    if not visible:
        yield from items
    elif sys.stderr.isatty():
        bar = tqdm(desc=description, total=total, unit=f" {unit}", delay=PATIENCE, leave=False, file=sys.stderr)
        with bar, _shown(bar):
            for item in items:
                yield item
                bar.update()
    else:
        done = 0

        def line():
            print(f"{description}: {done:,}{f'/{total:,}' if total else ''} {unit}", file=sys.stderr, flush=True)

        with _now_and_then(line, INTERVAL):
            for item in items:
                yield item
                done += 1


@contextlib.contextmanager
def working(description: str, visible: bool = True) -> Iterator[None]:
    """Says after three seconds, and now and then, that a block still runs, of which nobody knows how far it is.

    Args:
      description: of the work.
      visible: as of `progress`.
    """
    description, started = printable(description), time.monotonic()

    def line():
        print(f"{description} ({duration(time.monotonic() - started)})", file=sys.stderr, flush=True)

    with _now_and_then(line, INTERVAL) if visible else contextlib.nullcontext():
        yield


def _shown(bar):
    """Shows a bar that is due although nothing came."""

    def show():
        bar.delay = 0  # what is shown is removed at the end
        bar.refresh()

    return _now_and_then(show, REFRESH)


@contextlib.contextmanager
def _now_and_then(act, interval):
    """Calls `act` in a thread after some patience, and at intervals, while a block runs."""
    finished = threading.Event()

    def run():
        wait = PATIENCE
        while not finished.wait(wait):
            act()
            wait = interval

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
