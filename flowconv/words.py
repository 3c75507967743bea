"""Words for people."""

import difflib
import itertools
import os
from collections.abc import Iterable, Sequence


def counted(number: int, noun: str, plural: str = "") -> str:
    """Returns "1 rank", "1,000 ranks"; `plural` where it isn't the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def distinct(names: Sequence[str]) -> list[str]:
    """Returns names of which those that came before have a number: a, b, a becomes a, b, a_2."""
    found: dict[str, None] = {}
    for name in names:
        free, numbers = name, itertools.count(2)
        while free in found:
            free = f"{name}_{next(numbers)}"
        found[free] = None
    return list(found)


def duration(seconds: float) -> str:
    """Returns "1:02:03", or "2:03" below an hour."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def nearest(name: str, choices: Iterable[str], prefix: str = "") -> str:
    """Returns " (did you mean X?)" for the choice that was meant, as far as can be told, or else nothing.

    Upper and lower case are alike, and the last part of a choice may stand for it: batch_size for train.batch_size.
    `prefix` is put before the choice.
    """
    wanted, known = str(name).casefold(), {choice.casefold(): choice for choice in choices}
    spelled = difflib.get_close_matches(wanted, known, n=1)
    ends = {choice: choice.rpartition(".")[2] for choice in known}
    close_ends = difflib.get_close_matches(wanted.rpartition(".")[2], set(ends.values()), n=1)
    found = (
        [choice for choice in known if choice == wanted]
        or [choice for choice in known if choice.endswith(f".{wanted}")]
        or spelled
        or [choice for choice, end in ends.items() if end in close_ends]
    )
    return f" (did you mean {' or '.join(prefix + known[choice] for choice in found)}?)" if found else ""


def printable(text: str | os.PathLike) -> str:
    """Returns a text with escapes for what is not to be seen: names of files may hold commands to a terminal."""
    shown = (
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode()
        for letter in os.fspath(text)
    )
    return "".join(shown)
