"""Permutations of the numbers of an image."""
