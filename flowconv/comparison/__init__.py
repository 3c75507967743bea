"""Variants of a model side by side: trained alike, measured alike, in one table."""

from flowconv.comparison.compare import compare
from flowconv.comparison.folding import fold
from flowconv.comparison.layers import cost_layers

__all__ = ["compare", "cost_layers", "fold"]
