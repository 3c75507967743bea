"""Bits/dim, reconstruction, samples and pictures of a flow, and whether it is about to stop being invertible."""

from flowconv.evaluation.conditioning import ill_conditioned, matrix_health, max_condition_number
from flowconv.evaluation.ema import ema_weights
from flowconv.evaluation.evaluator import Evaluator
from flowconv.evaluation.health import diagnosis, health
from flowconv.evaluation.measurement import Measurement
from flowconv.evaluation.metric import Metric
from flowconv.evaluation.metrics import METRICS, compute_metrics, metrics_in

__all__ = [
    "METRICS",
    "Evaluator",
    "Measurement",
    "Metric",
    "compute_metrics",
    "diagnosis",
    "ema_weights",
    "health",
    "ill_conditioned",
    "matrix_health",
    "max_condition_number",
    "metrics_in",
]
