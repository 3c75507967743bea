"""How near a flow's matrices are to singular ones."""

import numpy as np

from flowconv.models import Flow


def max_condition_number(flow: Flow) -> float:
    """Returns the largest condition number of any matrix of the flow, in any of its steps; 1 if there is none.

    That of a 1×1 convolution is W's; that of a periodic convolution the ratio of the largest to the smallest factor
    by which it stretches any frequency. The autoregressive parts of emerging convolutions have no such number here.
    """
    values = flow.singular_values().values()
    with np.errstate(divide="ignore"):
        return max((float(np.max(v.max(axis=-1) / v.min(axis=-1))) for v in values), default=1.0)
