"""Conditions of flows, one a file: `model.condition=low_resolution` is the class in low_resolution.py.

A file put here is a variant at once. It holds one public `Condition`; the keywords of its constructor are its settings.
"""
