"""Studies made with the library: what they need beside it, and what their scripts call."""
