"""Networks that the parameters of couplings and priors come from, one a file: `model.network=glow` is glow.py.

A file put here is a variant at once. It holds one public `Network`; the keywords of its constructor are its settings.
"""
