"""Lines on the terminal."""

from flowconv.words import printable


def say(text: str) -> None:
    """Prints lines at once, as far as they are to be seen."""
    print("\n".join(map(printable, str(text).split("\n"))), flush=True)
