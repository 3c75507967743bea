"""Lines on the terminal."""


def say(text: str) -> None:
    """Prints a line at once; of a path that isn't UTF-8 as much as can be shown."""
    print(text.encode(errors="replace").decode(), flush=True)
