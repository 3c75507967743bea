"""Words for people."""

import os


def counted(number: int, noun: str, plural: str = "") -> str:
    """Returns "1 rank", "1,000 ranks"; `plural` where it isn't the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def printable(text: str | os.PathLike) -> str:
    """Returns a text with escapes for what is not to be seen: names of files may hold commands to a terminal."""
    shown = (
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode()
        for letter in os.fspath(text)
    )
    return "".join(shown)
