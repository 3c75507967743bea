"""Variants of a model side by side: trained alike, measured alike, in one table.

Nothing is imported here, so that variants.py can be had without TensorFlow.
"""
