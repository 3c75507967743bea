"""Sinks, one a file: put here, it is a value of train.sinks."""
