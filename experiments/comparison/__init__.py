"""Variants of a model side by side: trained alike, measured alike, in one table."""
