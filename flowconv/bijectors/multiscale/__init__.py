"""Levels, and the latents that leave between them."""
