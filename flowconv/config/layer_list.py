"""The list of a flow's layers as text: "4 stripes, squeeze, 2 channels, 3 stripes"."""

import re

COUPLINGS = ("stripes", "channels")
SQUEEZE = "squeeze"


def layer_list(text: str) -> list[tuple[str, int]]:
    """Returns [("stripes", 4), ("squeeze", 1), …]: couplings on these halves, so many, or a squeeze.

    Raises:
      ValueError: if the text is no such list.
    """
    found = []
    for each in text.split(","):
        match = re.fullmatch(rf"([1-9]\d*) ({'|'.join(COUPLINGS)})|{SQUEEZE}", each.strip())
        if match is None:
            right = f"as '4 stripes', '2 channels' or '{SQUEEZE}', with commas between"
            raise ValueError(f"layers must be {right}, got {each.strip()!r}")
        found.append((match[2] or SQUEEZE, int(match[1] or 1)))
    return found


def squeezes(text: str) -> int:
    """Returns how often a list halves height and width."""
    return sum(kind == SQUEEZE for kind, _ in layer_list(text))
