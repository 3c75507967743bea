"""Bits/dim, reconstruction, samples and pictures of a flow, and whether it is about to stop being invertible."""

from flowconv.evaluation.averages import averaged_weights
from flowconv.evaluation.conditioning import ill_conditioned, matrix_health, max_condition_number
from flowconv.evaluation.evaluator import Evaluator
from flowconv.evaluation.health import diagnosis, health

__all__ = [
    "Evaluator",
    "averaged_weights",
    "diagnosis",
    "health",
    "ill_conditioned",
    "matrix_health",
    "max_condition_number",
]
