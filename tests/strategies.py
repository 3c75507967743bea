"""Values that a setting takes, and values that it refuses, as hypothesis draws them from the schema."""

import math

from hypothesis import strategies as st

FAR = 1000  # above the lowest value, where there is no highest one


def right_values(setting):
    """Values within the range of a setting, or its choices."""
    if setting.names:
        return st.sampled_from(setting.names)
    if setting.kind is bool:
        return st.booleans()
    low = setting.at_least
    high = low + FAR if setting.at_most is None else setting.at_most
    number = st.integers(low, high) if setting.kind is int else st.floats(low, high)
    if setting.pair:
        return number | st.tuples(number, number).filter(lambda pair: pair[0] != pair[1])
    return st.lists(number, min_size=1).map(tuple) if setting.kind is tuple else number


def wrong_values(setting):
    """Words that are no choices, numbers below and above, what is no number at all; of truth values, text."""
    if setting.names:
        return st.text("abcdxyz", min_size=1, max_size=6).filter(lambda word: word not in setting.names)
    if setting.kind is bool:
        return st.just("no")
    wrong = [setting.at_least - 1] + ([] if setting.at_most is None else [setting.at_most + 1])
    wrong += [(setting.at_least,), (setting.at_least, setting.at_least), (wrong[0], setting.at_least)] * setting.pair
    wrong += [math.nan, math.inf, -math.inf] if setting.kind is not int else []
    return st.sampled_from([(), *((each,) for each in wrong)] if setting.kind is tuple else wrong)
