"""Bits/dim, reconstruction, samples and pictures of a flow, and whether it is about to stop being invertible."""

from flowconv.evaluation.conditioning import ill_conditioned, matrix_health, max_condition_number
from flowconv.evaluation.ema import ema_weights
from flowconv.evaluation.evaluator import Evaluator
from flowconv.evaluation.health import diagnosis, health

__all__ = [
    "Evaluator",
    "diagnosis",
    "ema_weights",
    "health",
    "ill_conditioned",
    "matrix_health",
    "max_condition_number",
]
