#!/usr/bin/env python
"""Folds a trained run of the paper's model into one of Glow, which is the same function.

Its flags and what it does: experiments/commands/fold.py.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # experiments/ is not installed
try:
    from experiments.commands.fold import main
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: make install, then source .venv/bin/activate") from error

if __name__ == "__main__":
    main()
