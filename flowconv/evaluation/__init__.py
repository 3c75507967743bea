"""Bits/dim, reconstruction, samples and pictures of a flow."""

from flowconv.evaluation.averages import averaged_weights
from flowconv.evaluation.conditioning import max_condition_number
from flowconv.evaluation.evaluator import Evaluator

__all__ = ["Evaluator", "averaged_weights", "max_condition_number"]
