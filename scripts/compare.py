#!/usr/bin/env python
"""Trains variants of a model alike, several seeds each, and puts them side by side in one table.

Its flags and what it does: experiments/commands/compare.py.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # experiments/ is not installed
try:
    from experiments.commands.compare import main
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

if __name__ == "__main__":
    main()
