"""Measuring in turns, and what follows from it. Whatever else the machine does meanwhile slows all alike."""

import statistics
from collections.abc import Callable, Mapping, Sequence

Rounds = dict[str, list[dict[str, float]]]


def alternate(asks: Mapping[str, Callable[[], dict[str, float]]], rounds: int) -> Rounds:
    """Returns the answers of each ask, one a round; every other round runs the other way round."""
    answers: Rounds = {name: [] for name in asks}
    for number in range(rounds):
        for name in list(asks)[:: -1 if number % 2 else 1]:
            answers[name].append(asks[name]())
    return answers


def median(answers: Sequence[Mapping[str, float]], what: str = "seconds") -> float:
    """Returns the median of one figure of the answers."""
    return statistics.median(answer[what] for answer in answers)


def ratio(rounds: Rounds, over: str, under: str, what: str = "seconds") -> float | None:
    """Returns the median over the rounds of one figure of `over` / that of `under`; None if one wasn't measured."""
    if over not in rounds or under not in rounds:
        return None
    pairs = zip(rounds[over], rounds[under], strict=True)
    return statistics.median(a[what] / b[what] for a, b in pairs)


def fastest(rounds: Rounds, names: Sequence[str]) -> str | None:
    """Returns the measured one among `names` with the least median of seconds, None if there is none."""
    return min((name for name in names if name in rounds), key=lambda name: median(rounds[name]), default=None)
