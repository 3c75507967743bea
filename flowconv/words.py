"""Words for people."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """Returns "1 rank", "1,000 ranks"; `plural` where it isn't the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
