"""Tools of Python that know nothing of flows."""
