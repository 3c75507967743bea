"""How near a flow's matrices are to singular ones.

The condition number of a 1×1 convolution is W's; that of a periodic convolution the ratio of the largest to the
smallest factor by which it stretches any frequency. The autoregressive parts of emerging convolutions have none here.
"""

from collections import Counter

import numpy as np

from flowconv.models import Flow


def condition_numbers(singular: np.ndarray) -> np.ndarray:
    """Returns those of matrices with singular values `[..., n]`: ∞ of a singular one, NaN of one that isn't finite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return singular.max(axis=-1) / singular.min(axis=-1)


def max_condition_number(flow: Flow) -> float:
    """Returns the largest condition number of any matrix of the flow, in any of its steps; 1 if there is none."""
    return max((float(np.max(condition_numbers(v))) for v in flow.singular_values().values()), default=1.0)


def matrix_health(flow: Flow) -> dict[str, float]:
    """Returns condition_number/PLACE and smallest_singular_value/PLACE for every matrix in every step.

    PLACE is "level_1, step 00" where a level has one matrix a step, and the matrix' own name in the place of the
    level's where it has several.
    """
    values, matrices = {}, flow.singular_values()
    of_level = Counter(name.split("/")[0] for name in matrices)
    for name, singular in matrices.items():
        level = name.split("/")[0]
        for k, row in enumerate(np.atleast_2d(singular)):
            place = f"{level if of_level[level] == 1 else name}, step {k:02}"
            values[f"condition_number/{place}"] = float(condition_numbers(row))
            values[f"smallest_singular_value/{place}"] = float(row.min())
    return values


def ill_conditioned(flow: Flow, limit: float) -> list[str]:
    """Returns a line for each matrix whose condition number is above `limit`, or not a number; the worst first."""
    found = []
    for name, singular in flow.singular_values().items():
        numbers = np.atleast_1d(condition_numbers(singular))
        steps = np.flatnonzero(~(numbers <= limit))
        found += [(numbers[k], f"W of {name}, step {k}, has condition number {numbers[k]:.3g}") for k in steps]
    return [line for _, line in sorted(found, key=lambda pair: -np.nan_to_num(pair[0], nan=np.inf))]
