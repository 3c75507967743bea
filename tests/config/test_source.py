"""Checks of numbers, as their source has them."""

import math
import operator

import pytest

from flowconv.config.source import Check

NUMBERS = (-1, 0, 1, 3, 0.5, 2.0, 1e300, math.nan, math.inf, -math.inf)
RIGHT = {
    "lambda n: n >= 1 and n == int(n)": lambda n: n >= 1 and n == int(n),
    "lambda t: 0.0 <= t < math.inf": lambda t: 0.0 <= t < math.inf,
    'lambda w: 0.0 <= w < float("inf")': lambda w: 0.0 <= w < float("inf"),
    "lambda parity: parity in (0, 1)": lambda parity: parity in (0, 1),
    "lambda size: size >= 1 and size % 2 == 1": lambda size: size >= 1 and size % 2 == 1,
    "lambda n: 2 <= operator.index(n) <= 100": lambda n: 2 <= operator.index(n) <= 100,
    "lambda n: n < 0 or n != 3": lambda n: n < 0 or n != 3,
}


@pytest.mark.parametrize("source", RIGHT)
def test_a_check_says_what_its_function_says(source):
    for number in NUMBERS:
        try:
            expected = RIGHT[source](number)
        except (TypeError, ValueError, OverflowError):  # int() of infinity, index() of 2.0
            expected = False
        assert Check(source, "").takes(number) == expected, number


@pytest.mark.parametrize("source", ["lambda n: open(n)", "lambda n: n.real > 1", "lambda n: __import__('os')"])
def test_a_check_only_compares(source):
    with pytest.raises(NotImplementedError, match="must compare numbers alone"):
        Check(source, "").takes(1)
